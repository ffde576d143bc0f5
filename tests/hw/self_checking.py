"""Runs a Verilog bench that drives and checks itself: a module with a clock and nothing else."""

import subprocess
from pathlib import Path

from sim.toolchain import MAKE_FLAGS, verilator_environment

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
    command = ["verilator", "--cc", "--exe", "--build", "-Wno-fatal", "-Wno-lint",
               "--top-module", "bench", "--prefix", "Vbench",
               "-MAKEFLAGS", MAKE_FLAGS,
               "bench.v", "driver.cpp"]  # fmt: skip
    with verilator_environment():
        built = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    ran = subprocess.run(
        [folder / "obj_dir" / "Vbench"], check=True, capture_output=True, text=True
    )
    return ran.stdout
