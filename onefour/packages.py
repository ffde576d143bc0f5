"""Whether the packages that would be imported are the ones that belong together.

Names such as ``sim`` or ``arch`` are common: PyPI's ``arch`` installs a package of that name, and a
folder on PYTHONPATH may hold another. A program made of two would fail anywhere, or worse.
"""

from importlib.machinery import PathFinder
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OURS = {
    "arch": "What the machine is:",
    "golden": "What must be computed:",
    "host": "What a host does with a build:",
    "compiler": "ONNX to program:",
    "quant": "How a network gets small:",
    "hw": "The machine in Amaranth:",
    "sim": "The machine, running:",
    "boards": "The machine, on silicon:",
}
"""Packages, and how the first line of each ``__init__.py`` begins."""
ADVICE = (
    "install onefour into a virtual environment of its own: python -m venv onefour-env, then "
    "onefour-env/bin/pip install onefour"
)


def _other(name: str) -> str:
    """Name the distribution of that name, if one is installed."""
    from importlib.metadata import PackageNotFoundError, version  # slow to import

    try:
        return f" (PyPI's package {name} {version(name)})"
    except PackageNotFoundError:
        return ""


def conflict(root: Path = ROOT, path: list[str] | None = None) -> str:
    """What is in the way of our packages in ``root``, in one sentence; empty where nothing is."""
    for name, beginning in OURS.items():
        found = PathFinder.find_spec(name, path)
        ours = root / name / "__init__.py"
        origin = found.origin if found else None
        if found is None:
            return f"its package {name!r} is missing from {root}; {ADVICE}"
        if origin is None or Path(origin).resolve() != ours:
            places = [origin] if origin else list(found.submodule_search_locations or [])
            return (
                f"{', '.join(places)} hides onefour's own package {name!r}{_other(name)}; take it "
                f"off PYTHONPATH, or {ADVICE}"
            )
        with ours.open(encoding="utf-8", errors="replace") as stream:
            if not stream.readline().startswith(f'"""{beginning}'):
                return (
                    f"another package {name!r}{_other(name)} was installed over onefour's own in "
                    f"{root / name}; {ADVICE}"
                )
    return ""
