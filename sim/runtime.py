"""Verilator's own objects, which are the same in every model: compiled once, and kept."""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path

from arch.cache import cache_folder
from sim.toolchain import ARGUMENTS, MAKE_FLAGS, VerilatorRunner

TOP = "smallest"
SMALLEST = f"""module {TOP};
    reg clk = 0;
    always #5 clk = !clk;
endmodule
"""
"""A model that needs all of the objects that any of ours does: the clock brings in the timing."""
PARTS = ("verilated", "verilated_dpi", "verilated_vpi", "verilated_timing", "verilated_threads")
WITH_WAVES = (*PARTS, "verilated_vcd_c")


def runtime_objects(waves: bool) -> Path:
    """Return the folder that holds the objects, compiled if they were not there.

    That takes a third of the time that a small model needs; it can be done while Verilator reads a
    model. Call it in :func:`sim.toolchain.verilator_environment`.
    """
    folder = cache_folder("sim") / f"runtime-{_key(waves)}"
    if folder.exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    work = Path(tempfile.mkdtemp(prefix="onefour-"))  # a path that make takes as it is
    objects = tuple(f"{part}.o" for part in (WITH_WAVES if waves else PARTS))
    try:
        (work / "smallest.v").write_text(SMALLEST)
        for runner in (VerilatorRunner("verilate"), VerilatorRunner("make", objects)):
            runner.build(
                sources=[work / "smallest.v"],
                hdl_toplevel=TOP,
                build_args=list(ARGUMENTS),
                build_dir=work,
                log_file=work / "build.log",
                waves=waves,
            )
        for name in objects:
            shutil.copyfile(work / name, beside / name)
        with contextlib.suppress(OSError):  # another process was faster
            beside.rename(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(work, ignore_errors=True)
    return folder


def _key(waves: bool) -> str:
    """A name for everything that the objects depend on."""
    compiler = subprocess.run(["g++", "--version"], capture_output=True, text=True, check=False)
    tools = compiler.stdout, os.environ["PATH"], version("cocotb"), sys.version
    sources = [
        (path.name, path.stat().st_size, path.stat().st_mtime_ns)
        for path in sorted(Path(os.environ.get("VERILATOR_ROOT", "/")).glob("include/*.cpp"))
    ]
    key = hashlib.sha256(repr((tools, sources, ARGUMENTS, MAKE_FLAGS, waves)).encode())
    return key.hexdigest()[:20]
