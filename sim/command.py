"""What ``python -m sim run`` does, from its arguments to its exit status.

All that the user may have to mend is looked at before the simulation, which takes minutes.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arch.errors import OnefourError
from arch.files import check_folder, check_target
from arch.memory import memory_named
from arch.packages import need
from compiler.build_folder import Build
from compiler.check.frame import check_frame, layer_counts, not_compared
from compiler.check.program import Compared
from compiler.check.races import check_all_races
from compiler.errors import DifferenceError
from host.boxes import boxes_on_picture, check_detector, class_names
from host.draw import check_drawing, describe, drawn_size, save_drawing
from host.frame import load_frame
from host.manifest import Manifest
from host.picture import Frame
from host.results import check_floor
from sim.frame import Conditions, Outcome, check_place, frame_model
from sim.record import FrameRun, records, write_records
from sim.run import (
    check_forecast,
    forecast,
    load_build,
    simulate_build,
    summary,
)
from sim.toolchain import verilator_environment

STALL_CHANCE = 64
"""In 256: what --stalls gives every channel of memory, in every cycle."""


def frame_run(arguments: argparse.Namespace, manifest: Manifest) -> FrameRun:
    """What is to be simulated, and under which conditions."""
    stalls = arguments.stalls
    chosen = {} if stalls is None else {"stall": STALL_CHANCE, "seed": stalls}
    usual = manifest.prediction.memory
    name = getattr(arguments, "memory", usual.name)
    memory = usual if name == usual.name else memory_named(name)
    latency = getattr(arguments, "latency", memory.read_latency)
    conditions = Conditions(memory=replace(memory, read_latency=latency), **chosen)
    return FrameRun(
        build=arguments.build, picture=arguments.image, usual=usual, memory=memory,
        conditions=conditions,
    )  # fmt: skip


def _check_targets(arguments: argparse.Namespace) -> None:
    if arguments.waves and not arguments.keep:
        raise OnefourError("--waves needs a folder for the waveform: give one with --keep")
    if arguments.keep:
        check_folder(arguments.keep)
        check_place(arguments.keep)
    if arguments.record:
        check_target(arguments.record)
    if arguments.draw:
        check_drawing(arguments.draw)


def run(arguments: argparse.Namespace) -> int:
    """Simulate a frame; 0, or an error for everything else."""
    need("cocotb", "cocotbext")
    with verilator_environment():
        pass  # says what is missing
    _check_targets(arguments)
    build, verilog = load_build(arguments.build)
    told = frame_run(arguments, build.manifest)
    frame = load_frame(build.manifest, arguments.image)
    if arguments.draw:
        check_floor(build.manifest, arguments.score)
        check_detector(build.manifest)
        check_drawing(arguments.draw, drawn_size(frame.image))
    model = frame_model(build.machine, verilog, build.image.memory_bytes, waves=arguments.waves)
    if not model.is_built:
        check_folder(model.folder.parent)
    if arguments.machine_check:
        check_all_races(build, frame.codes)
    checked = check_frame(
        build.network, build.model, build.image, build.manifest, frame.codes, build.tail,
        build.pieces, build.heads,
    )
    for line in not_compared(checked):
        print(line)
    prediction = forecast(build, told.conditions)
    if not model.is_built:
        print(f"building the simulation of {build.machine.name}, once: minutes", flush=True)
        model.build()
    expected = [layer for layer in checked.layers if layer.form is not None]
    width = max((len(layer.name) for layer in expected), default=0)
    with tqdm(total=len(expected), unit="layer", desc="RTL", disable=None) as bar:

        def report(compared: Compared) -> None:
            counts = layer_counts(build.manifest, checked, compared.name)
            counts["RTL"] = compared.differing
            differing = "  ".join(f"{name} {count}" for name, count in counts.items())
            bar.write(
                f"{compared.name:<{width}} {compared.codes:>9} codes, differing: {differing}",
                file=sys.stdout,
            )
            bar.update()

        outcome, results = simulate_build(
            build, model, frame.codes, expected, told.conditions, report, arguments.keep
        )
    for line in summary(build, outcome, prediction, told):
        print(line)
    _judge(outcome, results, len(expected))
    if prediction is not None:
        check_forecast(outcome, prediction)
    if arguments.machine_check:
        _compare_memory(outcome.memory, checked.memory)
    codes = sum(result.codes for result in results)
    kept = len(checked.layers) - len(expected)
    unseen = f" ({kept} layers stay on chip, where only those that read them see them)"
    print(f"{len(results)} layers, {codes} codes: RTL equals golden{unseen if kept else ''}")
    for line in checked.tail.lines() if checked.tail else ():
        print(line)
    if arguments.record:
        write_records(
            arguments.record, records(told, build, outcome.counters, codes, prediction)
        )
    if arguments.draw:
        _draw(build, outcome, frame, arguments.draw, arguments.score)
    return 0


def _judge(outcome: Outcome, results: list[Compared], layers: int) -> None:
    """Raise :class:`DifferenceError` unless the run ended well with every layer right."""
    wrong = [result for result in results if result.differing]
    if wrong:
        raise DifferenceError(f"RTL differs from golden, first in {wrong[0].first}")
    if not outcome.ended_well:
        raise DifferenceError(
            f"the run did not end well: error {outcome.error.name}, waiting for {outcome.number}, "
            f"after {outcome.counters['cycles']} cycles and {len(results)} of {layers} layers"
        )
    if len(results) < layers:
        raise DifferenceError(f"RTL ended after {len(results)} of {layers} layers")


def _compare_memory(found: np.ndarray, expected: np.ndarray) -> None:
    differing = np.flatnonzero(found[: expected.size] != expected)
    if differing.size:
        at = int(differing[0])
        raise DifferenceError(
            f"{differing.size} bytes of memory differ, the first at {at:#x}: expected "
            f"{int(expected[at]):#04x}, found {int(found[at]):#04x}"
        )


def _draw(build: Build, outcome: Outcome, frame: Frame, path: Path, floor: float) -> None:
    found = boxes_on_picture(
        outcome.memory, build.manifest, frame, floor, build.tail, build.heads
    )
    classes = class_names(build.manifest)
    for line in describe(found, classes):
        print(line)
    save_drawing(path, frame.image, found, classes)
    print(f"{path}: {len(found)} boxes")
