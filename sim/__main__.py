"""Command line: ``python -m sim run BUILD --image X.jpg``."""

import argparse
import sys
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arch.command_line import Help
from arch.errors import OnefourError
from compiler.check.onnx import NotCompared, against_onnx
from compiler.errors import DifferenceError
from compiler.flow import MODEL, Build
from compiler.host import read_layer
from golden.description import Description
from golden.detection import detect
from golden.draw import describe, draw_boxes
from golden.machine import check_races
from golden.picture import Frame
from sim.frame import Conditions, Outcome, frame_model
from sim.record import records, write_records
from sim.run import (
    Compared,
    check_forecast,
    expect,
    forecast,
    load_build,
    load_frame,
    memory_with_picture,
    simulate_build,
    summary,
)

STALL_CHANCE = 64
"""In 256: what --stalls gives every channel of memory, in every cycle."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sim", description="Simulates the accelerator.",
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="one frame of a build in RTL, compared with golden layer by layer",
        formatter_class=Help,
    )
    run.add_argument("build", type=Path, help="folder made by `python -m compiler build`")
    run.add_argument("--image", type=Path, required=True, help="the picture")
    run.add_argument("--draw", type=Path, help="write the picture with the boxes found")
    run.add_argument(
        "--machine-check",
        action="store_true",
        help="also compare every byte of memory, and check that no result depends on timing",
    )
    run.add_argument("--score", type=float, default=0.4, help="least score of a box that is drawn")
    run.add_argument("--record", type=Path, help="write the figures to this file, for bench/")
    run.add_argument("--stalls", type=int, metavar="SEED", help="memory stalls at random")
    run.add_argument("--latency", type=int, default=20, help="memory's read latency in cycles")
    run.add_argument("--keep", type=Path, help="keep the run's files in this folder")
    run.add_argument(
        "--waves",
        action="store_true",
        help="write a waveform into the folder of --keep: tens of kilobytes for every cycle",
    )
    return parser


def _run(arguments: argparse.Namespace) -> int:
    build, verilog = load_build(arguments.build)
    frame, description = load_frame(build, arguments.image)
    if arguments.machine_check:
        memory = memory_with_picture(build, frame.codes)
        check_races(build.machine, memory, build.image.program_address)
    references = against_onnx(
        build.network(), build.folder / MODEL, frame.codes, build.manifest["input_scale"]
    )
    for name, found in list(references.items()):
        if isinstance(found, NotCompared):
            print(f"{name}: not compared, {found.reason}")
            del references[name]
    expected, final_memory = expect(build, frame.codes)
    conditions = Conditions(read_latency=arguments.latency)
    if arguments.stalls is not None:
        conditions = Conditions(
            read_latency=arguments.latency, stall=STALL_CHANCE, seed=arguments.stalls
        )
    prediction = forecast(build, conditions)
    if arguments.waves and not arguments.keep:
        raise OnefourError("--waves needs a folder for the waveform: give one with --keep")
    model = frame_model(build.machine, verilog, build.image.memory_bytes, waves=arguments.waves)
    if not model.is_built:
        print(f"building the simulation of {build.machine.name}, once: minutes", flush=True)
        model.build()
    tensors = {layer["storage"]: layer["tensor"] for layer in build.manifest["layers"]}
    width = max((len(layer.name) for layer in expected), default=0)
    with tqdm(total=len(expected), unit="layer", desc="RTL", disable=None) as bar:

        def report(compared: Compared) -> None:
            tensor = tensors[compared.name]
            counts = {name: found.get(tensor, "-") for name, found in references.items()}
            # The program's codes are the network's, or `expect` would have said so.
            counts |= {"machine": 0, "RTL": compared.differing}
            differing = "  ".join(f"{name} {count}" for name, count in counts.items())
            bar.write(
                f"{compared.name:<{width}} {compared.codes:>9} codes, differing: {differing}",
                file=sys.stdout,
            )
            bar.update()

        outcome, results = simulate_build(
            build, model, frame.codes, expected, conditions, report, arguments.keep
        )
    for line in summary(build, outcome, prediction):
        print(line)
    _judge(outcome, results, len(expected))
    if prediction is not None:
        check_forecast(outcome, prediction)
    if arguments.machine_check:
        _compare_memory(outcome.memory, final_memory)
    codes = sum(result.codes for result in results)
    print(f"{len(results)} layers, {codes} codes: RTL equals golden")
    if arguments.record:
        command = f"python -m sim run {arguments.build} --image {arguments.image}"
        write_records(arguments.record, records(build, outcome.counters, codes, command))
    if arguments.draw:
        _draw(build, outcome, frame, description, arguments.draw, arguments.score)
    return 0


def _judge(outcome: Outcome, results: list[Compared], layers: int) -> None:
    """Raise :class:`DifferenceError` unless the run ended well with every layer right."""
    wrong = [result for result in results if result.differing]
    if wrong:
        raise DifferenceError(f"RTL differs from golden, first in {wrong[0].first}")
    if not outcome.done or outcome.error:
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


def _draw(build: Build, outcome: Outcome, frame: Frame, description: Description | None,
          path: Path, floor: float) -> None:  # fmt: skip
    if description is None:
        raise OnefourError(
            f"{build.folder}: the model has no detection description beside it, so there are no "
            "boxes to draw; leave --draw out"
        )
    outputs = build.network().outputs
    layers = {layer["tensor"]: layer for layer in build.manifest["layers"]}
    sums = [read_layer(outcome.memory, layers[output.tensor]) for output in outputs]
    found = detect(sums, outputs, description.head, floor=floor)
    found = type(found)(
        boxes=frame.placement.to_picture(found.boxes), scores=found.scores, labels=found.labels
    )
    for line in describe(found, description.head.classes):
        print(line)
    draw_boxes(frame.image, found, description.head.classes).save(path)
    print(f"{path}: {len(found)} boxes")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0, 1 where RTL and golden differ, 2 for what the user can put right."""
    try:
        return _run(_parser().parse_args(arguments))
    except DifferenceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except OnefourError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
