"""``python -m sim run BUILD --image X.jpg``: one frame of a build in RTL, compared layer by layer.

Three computations of the frame must agree: the integer network (:mod:`golden.execute`), the program
on the instruction-level machine (:mod:`golden.machine`) and the program on the RTL. Where the first
two differ the compiler is wrong, where the last two differ the hardware is.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from compiler.cost import Prediction, predict
from compiler.errors import DifferenceError
from compiler.flow import VERILOG, Build, read_build
from compiler.host import layer_format, read_layer, write_picture
from golden import execute
from golden.description import Description, parse_description
from golden.formats import MapFormat, unpack_map
from golden.machine import GoldenMachine
from golden.picture import Frame, load_picture
from hw.verilog import generate
from sim.frame import Conditions, Outcome, run_frame
from sim.replay import Replay
from sim.verilator import Model


@dataclass(frozen=True, kw_only=True, eq=False)
class Expected:
    """What one layer must leave in memory once ``bytes_written`` bytes have been written."""

    name: str
    form: MapFormat
    stored: np.ndarray
    bytes_written: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One layer of RTL against golden."""

    name: str
    codes: int
    differing: int
    #: The first difference, in words.
    first: str = ""


def first_difference(name: str, found: np.ndarray, expected: np.ndarray) -> Compared:
    """Compare codes [channels, height, width]."""
    differing = np.argwhere(found != expected)
    if not len(differing):
        return Compared(name=name, codes=expected.size, differing=0)
    channel, y, x = (int(i) for i in differing[0])
    text = (
        f"layer {name!r}, channel {channel}, row {y}, column {x}: expected "
        f"{int(expected[channel, y, x])}, found {int(found[channel, y, x])}"
    )
    return Compared(name=name, codes=expected.size, differing=len(differing), first=text)


@dataclass
class LayerWatch:
    """Compares each layer as soon as the RTL has written its last byte."""

    expected: list[Expected]
    report: Callable[[Compared], None]
    results: list[Compared] = field(default_factory=list)

    def __call__(self, replay: Replay) -> None:
        waiting = self.expected[len(self.results) :]
        for _ in replay.advance([layer.bytes_written for layer in waiting]):
            layer = self.expected[len(self.results)]
            found = unpack_map(replay.memory, layer.form)
            self.results.append(first_difference(layer.name, found, layer.stored))
            self.report(self.results[-1])


def load_build(folder: Path) -> tuple[Build, str]:
    """Read a build folder and its accelerator's Verilog, made here if the folder has none."""
    build = read_build(folder)
    path = folder / VERILOG
    return build, path.read_text() if path.exists() else generate(build.machine)


def load_frame(build: Build, picture: Path) -> tuple[Frame, Description | None]:
    """Read the picture in the way that the build's detection description asks for."""
    record = build.manifest.get("detection")
    description = parse_description(record) if record else None
    chosen = {"colour": description.colour, "fit": description.fit} if description else {}
    size = build.manifest["picture"]
    return load_picture(picture, height=size["height"], width=size["width"], **chosen), description


def memory_with_picture(build: Build, codes: np.ndarray) -> np.ndarray:
    """Return memory as the machine finds it."""
    memory = build.image.memory()
    write_picture(memory, build.manifest, codes)
    return memory


def expect(build: Build, codes: np.ndarray) -> tuple[list[Expected], np.ndarray]:
    """Run network and program; return the layers in order of completion, and memory at the end.

    Raises :class:`DifferenceError` where the program does not compute the network.
    """
    results = execute.run(build.network(), codes)
    memory = memory_with_picture(build, codes)
    by_compute: dict[int, list[dict]] = {}
    for layer in build.manifest["layers"]:
        by_compute.setdefault(layer["last_compute"], []).append(layer)
    expected = []

    def note(index, statistics):
        for layer in by_compute.get(index, []):
            name, form = layer["storage"], layer_format(layer)
            compared = first_difference(name, read_layer(memory, layer), results[layer["tensor"]])
            if compared.differing:
                raise DifferenceError(
                    f"the program does not compute the network: {compared.first} "
                    f"({compared.differing} of {compared.codes} differ)"
                )
            stored = unpack_map(memory, form)
            expected.append(
                Expected(name=name, form=form, stored=stored, bytes_written=statistics.write_bytes)
            )

    machine = GoldenMachine(build.machine, after_compute=note)
    machine.run(memory, build.image.program_address)
    return expected, memory


def simulate_build(
    build: Build,
    model: Model,
    codes: np.ndarray,
    expected: list[Expected],
    conditions: Conditions,
    report: Callable[[Compared], None],
    folder: Path | None = None,
) -> tuple[Outcome, list[Compared]]:
    """Run one frame in RTL; ``report`` is called with each layer as it is done."""
    memory = memory_with_picture(build, codes)
    watch = LayerWatch(expected, report)
    outcome = run_frame(
        model, build.machine, memory, build.image.program_address, conditions, watch, folder
    )
    return outcome, watch.results


def forecast(build: Build, conditions: Conditions) -> Prediction | None:
    """Predict the counters of a frame; None where memory stalls at random."""
    if conditions.stall:
        return None
    return predict(
        build.image.memory(),
        build.image.program_address,
        build.machine,
        read_latency=conditions.read_latency,
        write_latency=conditions.write_latency,
    )


def check_forecast(outcome: Outcome, prediction: Prediction) -> None:
    """Raise :class:`DifferenceError` unless every counter is as predicted."""
    wrong = [
        f"{name}: predicted {count}, counted {outcome.counters[name]}"
        for name, count in prediction.counters.items()
        if count != outcome.counters[name]
    ]
    if wrong:
        raise DifferenceError(f"the cost model is wrong about the RTL: {'; '.join(wrong)}")


def summary(build: Build, outcome: Outcome, prediction: Prediction | None) -> Iterator[str]:
    """Yield lines on how well the machine was used."""
    cycles, passes = outcome.counters["cycles"], outcome.counters["passes"]
    useful = build.manifest["bit_operations"] / (build.machine.binary_macs * max(cycles, 1))
    yield (
        f"{cycles} cycles; array busy in {passes} of them ({passes / max(cycles, 1):.1%}); "
        f"{useful:.1%} of its bit products used"
    )
    waits = ("stall_load", "stall_output", "stall_drain", "loader_wait")
    yield ", ".join(f"{name} {outcome.counters[name]}" for name in waits)
    if prediction is not None:
        yield f"{prediction.cycles} cycles predicted, {cycles} counted"
    yield f"{outcome.seconds:.1f} s of simulation, {cycles / outcome.seconds / 1000:.0f} kHz"
