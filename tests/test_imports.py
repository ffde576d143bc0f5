"""Imports point up the list of packages: the way a network travels, read downwards."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("arch", "golden", "host", "compiler", "quant", "hw", "sim", "boards", "onefour")
# golden and hw are two independent readings of one contract.
FORBIDDEN = {("hw", "golden")}


def imported_packages(path: Path) -> set[str]:
    """Top-level names that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import; write the package's name"
            found.add(node.module.split(".")[0])
    return found & set(ORDER)


@pytest.mark.parametrize("package", ORDER)
def test_imports_point_up(package):
    allowed = set(ORDER[: ORDER.index(package) + 1])
    allowed -= {name for user, name in FORBIDDEN if user == package}
    for path in sorted((ROOT / package).rglob("*.py")):
        wrong = imported_packages(path) - allowed
        assert not wrong, (
            f"{path.relative_to(ROOT)} imports {sorted(wrong)}; it may use {sorted(allowed)}"
        )
