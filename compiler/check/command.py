"""``python -m golden run BUILD --image X.jpg``: one frame of a build, without RTL.

The ONNX graph, the integer network and the program on the instruction-level machine compute the
frame and must agree code by code; then the boxes are drawn.
"""

import argparse
import time
from collections.abc import Iterator
from pathlib import Path

from arch.command_line import Help, program, real
from compiler.build_folder import Build, read_build
from compiler.check.frame import CheckedFrame, check_frame, layer_counts, not_compared
from compiler.check.races import check_all_races
from host.boxes import boxes_on_picture, check_detector, class_names, is_detector
from host.draw import check_drawing, describe, drawn_size, save_drawing
from host.frame import load_frame
from host.picture import Frame
from host.results import check_floor


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("golden", "golden"),
        description="Runs a build's program on the golden model: no simulator, no hardware.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser(
        "run",
        help="one frame of a build: ONNX graph, integer network and program, compared",
        formatter_class=Help,
    )
    commands.add_parser("score", help="average precision on labelled pictures", add_help=False)
    run.add_argument("build", type=Path, help="folder made by `onefour build`")
    run.add_argument("--image", type=Path, required=True, help="the picture")
    run.add_argument("--draw", type=Path, help="write the picture with the boxes found")
    run.add_argument(
        "--score", type=real(0, 1), default=0.4, help="least score of a box that is drawn"
    )
    run.add_argument(
        "--machine-check",
        action="store_true",
        help="also check that no result depends on the timing of loads and computes",
    )
    return parser


def run(argv: list[str] | None) -> int:
    """Check one frame; 0, or an error for everything else."""
    arguments = _parser().parse_args(argv)
    started = time.monotonic()
    if arguments.draw:
        check_drawing(arguments.draw)
    build = read_build(arguments.build)
    if is_detector(build.manifest):
        check_floor(build.manifest, arguments.score)
    frame = load_frame(build.manifest, arguments.image)
    if arguments.draw:
        check_detector(build.manifest)
        check_drawing(arguments.draw, drawn_size(frame.image))
    if arguments.machine_check:
        check_all_races(build, frame.codes)
    checked = check_frame(
        build.network, build.model, build.image, build.manifest, frame.codes, build.tail,
        build.pieces, build.heads,
    )
    for line in report(build, checked):
        print(line)
    print(
        f"{len(checked.layers)} layers, {checked.codes} codes: ONNX graph, integer network and "
        f"program agree; {_cycles(build)}; "
        f"{time.monotonic() - started:.1f} s"
    )
    for line in checked.tail.lines() if checked.tail else ():
        print(line)
    if is_detector(build.manifest):
        _show_boxes(build, checked, frame, arguments.score, arguments.draw)
    return 0


def _cycles(build: Build) -> str:
    told = build.manifest.prediction
    return f"{told.cycles} cycles predicted with memory {told.memory.name}"


def report(build: Build, checked: CheckedFrame) -> Iterator[str]:
    """One line for each stored layer: how many codes of it differ from which reference."""
    width = max(len(layer.name) for layer in checked.layers)
    yield from not_compared(checked)
    for layer in checked.layers:
        counts = layer_counts(build.manifest, checked, layer.name)
        told = "  ".join(f"{name} {count}" for name, count in counts.items())
        yield f"{layer.name:<{width}} {layer.stored.size:>9} codes, differing: {told}"


def _show_boxes(
    build: Build, checked: CheckedFrame, frame: Frame, floor: float, path: Path | None
) -> None:
    found = boxes_on_picture(
        checked.memory, build.manifest, frame, floor, build.tail, build.heads
    )
    classes = class_names(build.manifest)
    for line in describe(found, classes):
        print(line)
    if path is not None:
        save_drawing(path, frame.image, found, classes)
        print(f"{path}: {len(found)} boxes")
