"""One compiled network in RTL, on a small machine: codes and cycles."""

from collections import Counter
from functools import cache

import numpy as np

from arch.machine import Machine
from compiler.describe import describe
from compiler.flow import Compiled
from golden import execute
from host import pieces
from host.memory import read_layer, write_picture
from hw.verilog import generate
from sim.frame import LEAST_MEMORY, Conditions, frame_model, run_frame
from sim.toolchain import SimulationError
from sim.verilator import Model


@cache
def model_of(machine: Machine) -> Model:
    """The simulation of a machine, built once."""
    return frame_model(machine, generate(machine), LEAST_MEMORY).build()


def simulate(compiled: Compiled, picture: np.ndarray, seed: int) -> tuple[int, dict]:
    """(cycles, what differs: codes by storage, counters from their prediction).

    Memory stalls at random for odd seeds, where nothing is predicted. The host computes its pieces
    between one program and the next.
    """
    machine, manifest = compiled.machine, describe(compiled)
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    stall = 64 if seed % 2 else 0
    conditions = Conditions(memory=compiled.memory, stall=stall, seed=seed + 1)
    counted: Counter[str] = Counter()

    def run(address: int) -> None:
        outcome = run_frame(model_of(machine), machine, memory, address, conditions)
        if not outcome.done:
            raise SimulationError(str(outcome.error))
        memory[:] = outcome.memory[: memory.size]
        counted.update(outcome.counters)

    models = {f"{piece.name}.onnx": piece.model for piece in compiled.network.pieces}
    try:
        pieces.run_frame(memory, manifest, models, run)
    except SimulationError as error:
        return 0, {"error": str(error)}
    expected = execute.run(compiled.network, picture)
    wrong = {}
    for layer in manifest.layers_in_memory:
        found = read_layer(memory, layer)
        if not np.array_equal(found, expected[layer.tensor]):
            wrong[layer.storage] = int((found != expected[layer.tensor]).sum())
    if not stall:
        for name, count in compiled.prediction.counters.items():
            if counted[name] != count:
                wrong[name] = f"predicted {count}, counted {counted[name]}"
    return counted["cycles"], wrong
