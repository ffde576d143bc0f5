"""No result of any program of a build depends on the timing of loads and computes."""

import numpy as np

from compiler.build_folder import Build
from golden.machine import GoldenMachine, check_races
from host.pieces import run_frame


def check_all_races(build: Build, codes: np.ndarray) -> None:
    """:class:`golden.program.MachineError` where one does, of the picture ``codes`` [C, H, W]."""
    memory = build.memory(codes)

    def run(address: int) -> None:
        check_races(build.machine, memory, address)
        GoldenMachine(build.machine).run(memory, address)

    run_frame(memory, build.manifest, build.pieces, run)
