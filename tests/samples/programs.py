"""Runs the program of an integer network on the instruction-level machine."""

import numpy as np

from arch.machine import Machine
from compiler.describe import describe
from compiler.flow import compile_network
from golden import execute
from golden.machine import GoldenMachine, check_races
from golden.network import Network
from host.memory import memory_with_picture, read_layer


def differing_codes(
    network: Network, picture: np.ndarray, machine: Machine, *, races: bool = False
) -> dict[str, int]:
    """Codes and sums of every stored layer that are not those of ``golden.execute``.

    ``races``: also raise MachineError where results depend on timing.
    """
    results = execute.run(network, picture)
    compiled = compile_network(network, machine)
    manifest = describe(compiled)
    memory = memory_with_picture(compiled.image, manifest, picture)
    if races:
        check_races(machine, memory, compiled.image.program_address)
    GoldenMachine(machine).run(memory, compiled.image.program_address)
    return {
        layer.storage: int((read_layer(memory, layer) != results[layer.tensor]).sum())
        for layer in manifest.layers
    }
