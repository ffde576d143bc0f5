"""Runs a Verilog bench that drives and checks itself: a module with a clock and nothing else."""

import shutil
import subprocess
from pathlib import Path

from sim.runtime import runtime_objects
from sim.toolchain import verilator_environment

DRIVER = """
#include "Vbench.h"
int main() {
    Vbench bench;
    while (!Verilated::gotFinish()) {
        bench.clk = 0;
        bench.eval();
        bench.clk = 1;
        bench.eval();
    }
}
"""


def run_bench(verilog: str, folder: Path) -> str:
    """Compile the module ``bench(input clk)``, clock it until $finish; return what it printed."""
    (folder / "bench.v").write_text(verilog)
    (folder / "driver.cpp").write_text(DRIVER)
    verilate = ["verilator", "--cc", "--exe", "-Wno-fatal", "-Wno-lint",
                "--top-module", "bench", "--prefix", "Vbench", "bench.v", "driver.cpp"]  # fmt: skip
    make = ["make", "-C", "obj_dir", "-f", "Vbench.mk", "Vbench"]
    with verilator_environment():
        _run(verilate, folder)
        # Verilator's own objects, newer than the makefile: make need not make them again.
        for path in sorted(runtime_objects(waves=False).iterdir()):
            shutil.copyfile(path, folder / "obj_dir" / path.name)
        _run(make, folder)
    ran = subprocess.run(
        [folder / "obj_dir" / "Vbench"], check=True, capture_output=True, text=True
    )
    return ran.stdout


def _run(command: list, folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
