"""``python -m sim run BUILD --image X.jpg``: one frame of a build in RTL, compared layer by layer.

Three computations of the frame must agree: the integer network (:mod:`golden.execute`), the program
on the instruction-level machine (:mod:`golden.machine`) and the program on the RTL. Where the first
two differ the compiler is wrong, where the last two differ the hardware is.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from arch.files import read_text
from compiler.build_folder import VERILOG, Build, read_build
from compiler.check.program import Compared, StoredLayer, first_difference
from compiler.cost.frame import Prediction
from compiler.cost.segments import predict_all
from compiler.errors import DifferenceError
from golden.formats import unpack_map
from host import pieces
from hw.verilog import generate
from sim.frame import Conditions, Outcome, run_frame
from sim.record import FrameRun
from sim.replay import Replay
from sim.verilator import Model


@dataclass
class LayerWatch:
    """Compares each layer as soon as the RTL has written its last byte."""

    expected: list[StoredLayer]
    report: Callable[[Compared], None]
    results: list[Compared] = field(default_factory=list)
    #: Bytes that runs before this one have written.
    before: int = 0
    last: Replay | None = None

    def begin(self) -> None:
        """Another run of the same frame begins."""
        self.before += 0 if self.last is None else self.last.bytes_written

    def __call__(self, replay: Replay) -> None:
        self.last = replay
        waiting = self.expected[len(self.results) :]
        for _ in replay.advance([layer.bytes_written - self.before for layer in waiting]):
            layer = self.expected[len(self.results)]
            found = unpack_map(replay.memory, layer.form)
            self.results.append(first_difference(layer.name, found, layer.stored))
            self.report(self.results[-1])


def load_build(folder: Path) -> tuple[Build, str]:
    """Read a build folder and its accelerator's Verilog, made here if the folder has none."""
    build = read_build(folder)
    path = folder / VERILOG
    return build, read_text(path) if path.exists() else generate(build.machine)


class _StoppedError(Exception):
    """A run has not ended well, and nothing is to be computed from what it left."""


def simulate_build(
    build: Build,
    model: Model,
    codes: np.ndarray,
    expected: list[StoredLayer],
    conditions: Conditions,
    report: Callable[[Compared], None],
    folder: Path | None = None,
) -> tuple[Outcome, list[Compared]]:
    """Run one frame in RTL; ``report`` is called with each layer as it is done.

    The programs between which the host computes are runs of their own; ``folder`` keeps the last.
    """
    memory, outcomes = build.memory(codes), []
    watch = LayerWatch(expected, report)

    def run(address: int) -> None:
        watch.begin()
        outcome = run_frame(model, build.machine, memory, address, conditions, watch, folder)
        outcomes.append(outcome)
        memory[:] = outcome.memory[: memory.size]
        if not outcome.ended_well:
            raise _StoppedError

    with suppress(_StoppedError):
        pieces.run_frame(memory, build.manifest, build.pieces, run)
    return joined(outcomes), watch.results


def joined(outcomes: list[Outcome]) -> Outcome:
    """How a frame of several runs ended: as the last, with what all of them have counted."""
    counters = {
        name: sum(outcome.counters[name] for outcome in outcomes)
        for name in outcomes[-1].counters
    }
    seconds = sum(outcome.seconds for outcome in outcomes)
    return replace(outcomes[-1], counters=counters, seconds=seconds)


def forecast(build: Build, conditions: Conditions) -> Prediction | None:
    """Predict the counters of a frame; None where memory stalls at random."""
    if conditions.stall:
        return None
    manifest = build.manifest
    return predict_all(
        build.image.memory(), manifest.program_addresses, build.machine, conditions.memory
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


def summary(
    build: Build, outcome: Outcome, prediction: Prediction | None, run: FrameRun
) -> Iterator[str]:
    """Yield lines on how well the machine was used."""
    cycles, passes = outcome.counters["cycles"], outcome.counters["passes"]
    useful = build.manifest.bit_operations / (build.machine.binary_macs * max(cycles, 1))
    yield (
        f"{cycles} cycles with memory {run.memory_told}; array busy in {passes} of them "
        f"({passes / max(cycles, 1):.1%}); "
        f"{useful:.1%} of its bit products used"
    )
    waits = ("stall_load", "stall_output", "stall_drain", "loader_wait")
    yield ", ".join(f"{name} {outcome.counters[name]}" for name in waits)
    beats = {name: outcome.counters[name] for name in ("read_beats", "write_beats")}
    yield f"{build.machine.port_bytes(**beats):,} bytes through the memory port"
    if prediction is not None:
        yield f"{prediction.cycles} cycles predicted, {cycles} counted"
    yield f"{outcome.seconds:.1f} s of simulation, {cycles / outcome.seconds / 1000:.0f} kHz"
