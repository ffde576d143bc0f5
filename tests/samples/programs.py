"""Runs the program of an integer network on the instruction-level machine."""

import numpy as np

from arch.machine import Machine
from arch.memory import IDEAL, Memory
from compiler.describe import describe
from compiler.flow import compile_network
from golden import execute
from golden.machine import GoldenMachine, check_races
from golden.network import Network
from host.memory import memory_with_picture, read_layer, read_layer_on_chip


def differing_codes(
    network: Network,
    picture: np.ndarray,
    machine: Machine,
    memory: Memory = IDEAL,
    *,
    races: bool = False,
) -> dict[str, int]:
    """Codes and sums of every stored layer that are not those of ``golden.execute``.

    ``races``: also raise MachineError where results depend on timing.
    """
    results = execute.run(network, picture)
    compiled = compile_network(network, machine, memory)
    manifest = describe(compiled)
    manifest.check()
    content = memory_with_picture(compiled.image, manifest, picture)
    if races:
        check_races(machine, content, compiled.image.program_address)
    found = {}

    def note(index: int, _) -> None:
        for layer in manifest.layers:
            if layer.last_compute == index and layer.chip:
                found[layer.storage] = read_layer_on_chip(golden.chip.activations, layer)

    golden = GoldenMachine(machine, after_compute=note)
    golden.run(content, compiled.image.program_address)
    found |= {layer.storage: read_layer(content, layer) for layer in manifest.layers_in_memory}
    return {
        layer.storage: int((found[layer.storage] != results[layer.tensor]).sum())
        for layer in manifest.layers
    }
