"""What ``python -m compiler build MODEL.onnx --board ecp5`` and its sisters do."""

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from arch.command_line import Help, program, real
from arch.errors import OnefourError
from arch.files import FileError, check_target, read_text, write_whole
from compiler import survey
from compiler.build_folder import (
    PROGRAM,
    check_output,
    compiled_manifest,
    read_build,
    write_build,
)
from compiler.candidates.find import LEAST, MOST
from compiler.candidates.hosted import head_weights
from compiler.check.frame import busy_picture, check_frame
from compiler.disassemble import disassemble
from compiler.errors import QuantisationError, ReadError, UnsupportedError
from compiler.explanation import all_told, explain, tail_lines
from compiler.flow import ARRAY, HOST, Compiled, compile_file
from compiler.frontend.dialect import described, is_float
from compiler.frontend.pipeline import PASS_NAMES
from compiler.frontend.reader.onnx_reader import graph_of, load_file, load_model
from compiler.frontend.reader.sizes import with_size
from compiler.page.collect import collect
from compiler.page.page import GENERATOR, page
from compiler.quantize import command as quantize
from compiler.report import candidate_lines, layer_table, piece_lines
from compiler.target import add_target, target_of
from host.boxes import is_detector
from host.description import parse_description, read_record
from host.image import Image
from host.manifest import Manifest

MOST_PIXELS = 1 << 14
"""In a direction of a picture."""
LONG_CHECK = 10_000_000
"""Codes whose comparison takes longer than a user waits without a word."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("", "compiler"),
        description="Compiles quantised YOLO networks for the onefour accelerator.",
        formatter_class=Help,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    build = commands.add_parser(
        "build",
        help="ONNX file to program image and Verilog",
        formatter_class=Help,
    )
    build.add_argument(
        "model", type=Path, help="quantised network (QONNX, QCDQ, QDQ, or written out)"
    )
    add_target(build)
    build.add_argument(
        "-o",
        "--output",
        type=Path,
        default=argparse.SUPPRESS,
        help="build folder (default: build/NAME)",
    )
    _add_input_scale(build)
    build.add_argument(
        "--quantize",
        type=quantize.precision,
        metavar="wNaM|30fps",
        default=argparse.SUPPRESS,
        help="the model is a float network: give it weights of N bits and activations of M first, "
        "such as w8a8, or bits by a budget, such as 30fps, 2.5Mcycles or 900KB (needs --data; "
        "`quantize` does it with all options, and keeps the file)",
    )
    quantize.add_data(build, required=False)
    quantize.add_ends(build)
    build.add_argument(
        "--no-check",
        action="store_true",
        help="do not compare ONNX graph, integer network and program on a picture first",
    )
    _add_size(build)
    build.add_argument(
        "--confidence",
        type=real(LEAST, MOST),
        metavar="SCORE",
        default=argparse.SUPPRESS,
        help="have the program say where boxes can score so much at least, so that a host on a "
        "slow line fetches the results of these places only (docs/boards.md)",
    )
    build.add_argument(
        "--heads",
        choices=(HOST, ARRAY),
        default=argparse.SUPPRESS,
        help="with --confidence: what computes the sums of the last convolutions: the host, at the "
        "places that can be boxes and for no lower score, or the array, at all (default: the host, "
        "where the array is faster without them)",
    )
    build.add_argument("--no-verilog", action="store_true", help="leave the Verilog out")
    quantised = commands.add_parser(
        "quantize",
        help="float ONNX file and pictures to a quantised ONNX file, without training",
        formatter_class=Help,
    )
    quantize.add_options(quantised)
    _add_size(quantised)
    surveyed = commands.add_parser(
        "survey",
        help="many ONNX files on several boards: one table of what they take",
        formatter_class=Help,
    )
    survey.add_options(surveyed)
    _add_input_scale(surveyed)
    _add_size(surveyed)
    told = commands.add_parser(
        "explain",
        help="what an ONNX file is, what it becomes, and all that keeps it from compiling",
        formatter_class=Help,
    )
    told.add_argument("model", type=Path, help="ONNX file, quantised or not")
    told.add_argument(
        "--after",
        metavar="PASS",
        choices=PASS_NAMES,
        help=f"show the graph after this pass: {', '.join(PASS_NAMES)}",
    )
    _add_input_scale(told)
    _add_size(told)
    paged = commands.add_parser(
        "report",
        help="one HTML page about a build: where every cycle and all of the memory went",
        formatter_class=Help,
    )
    paged.add_argument("build", type=Path, help="folder made by `onefour build`")
    paged.add_argument(
        "-o",
        "--output",
        type=Path,
        default=argparse.SUPPRESS,
        help="the page (default: BUILD.html, beside the folder)",
    )
    show = commands.add_parser("disassemble", help="list the instructions of a build")
    show.add_argument("build", type=Path, help="build folder or program image")
    show.add_argument("--tables", action="store_true", help="pass tables too")
    return parser


def _add_input_scale(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--input-scale",
        type=real(0, above=True),
        default=1 / 255,
        help="what one step of a picture byte means to a network with a float input",
    )


def _add_size(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--size",
        type=_size,
        metavar="HEIGHTxWIDTH",
        default=argparse.SUPPRESS,
        help="size of the picture, for a file that leaves it open: 320x320, or 320 for that",
    )


def _size(text: str) -> tuple[int, int]:
    """An argparse type: height and width in pixels."""
    sides = text.lower().split("x")
    try:
        height, width = map(int, sides if len(sides) == 2 else sides * 2)
    except ValueError:
        height = width = 0
    if len(sides) > 2 or not (0 < height <= MOST_PIXELS and 0 < width <= MOST_PIXELS):
        raise argparse.ArgumentTypeError(f"must be like 320x416 or 320, not {text[:40]!r}")
    return height, width


@contextmanager
def _sized(arguments: argparse.Namespace) -> Iterator[Path]:
    """The file to read: the model, or a copy of it for pictures of the size that was asked for."""
    model: Path = arguments.model
    size = getattr(arguments, "size", None)
    if size is None:
        yield model
        return
    with TemporaryDirectory(prefix="onefour-") as folder:
        copied = Path(folder) / model.name
        copied.write_bytes(with_size(model, size).SerializeToString())
        yield copied


def _build(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    model: Path = arguments.model
    if hasattr(arguments, "heads") and not hasattr(arguments, "confidence"):
        raise OnefourError(
            f"--heads {arguments.heads}: what computes heads is a choice only where boxes of a "
            f"least score are wanted; add --confidence 0.25, or leave --heads out"
        )
    if not model.name:  # "." and "/"
        raise ReadError(f"{model}: not a file. Give the path of an ONNX file.")
    folder = getattr(arguments, "output", None) or Path("build") / model.stem
    check_output(folder)
    with _sized(arguments) as sized:
        print(f"{model}: {described(load_file(sized))}", flush=True)
        with quantize.quantised(arguments, sized) as source:
            if source != sized:
                print(f"{model}, quantised: {described(load_file(source))}", flush=True)
            _build_file(arguments, source, folder, started)


def _build_file(arguments: argparse.Namespace, sized: Path, folder: Path, started: float) -> None:
    """Build ``sized``, which is the model or stands for it."""
    model: Path = arguments.model
    target = target_of(arguments)
    side_car: Path | None = model.with_suffix(".json")
    description = None
    if side_car.exists():
        description = parse_description(read_record(side_car))
    else:
        side_car = None
    parsed = load_model(sized)
    try:
        for line in tail_lines(graph_of(parsed, model), quantised=not is_float(parsed)):
            print(line, flush=True)
        compiled = compile_file(
            sized, target.machine, target.memory, input_scale=arguments.input_scale,
            confidence=getattr(arguments, "confidence", None),
            heads=getattr(arguments, "heads", None), description=description,
            line=target.line,
        )  # fmt: skip
    except (ReadError, UnsupportedError, QuantisationError) as error:
        raise all_told(error, model, parsed, arguments.input_scale) from error
    told = ""
    manifest = compiled_manifest(compiled, sized, arguments.input_scale, side_car)
    if not arguments.no_check:
        told = f"; {_check(compiled, sized, manifest)}"
    write_build(
        compiled,
        folder,
        sized,
        input_scale=arguments.input_scale,
        side_car=side_car,
        verilog=not arguments.no_verilog,
    )
    print(layer_table(compiled))
    print(f"memory {target.memory}")
    for line in (*piece_lines(manifest), *candidate_lines(compiled)):
        print(line)
    if compiled.parts is not None or manifest.pieces or manifest.heads:
        print("cycles and frames/s are the array's: what the host computes is not in them")
    print(
        f"{folder}: {compiled.network.name} for {target.machine.name} with memory "
        f"{target.memory.name}, "
        f"{len(compiled.image.to_bytes())} bytes of program image, "
        f"{time.monotonic() - started:.1f} s{told}"
    )
    drawn = " --draw boxes.png" if is_detector(manifest) else ""
    print(f"next: {program('golden', 'golden')} run {folder} --image PICTURE{drawn}")


def _check(compiled: Compiled, model: Path, manifest: Manifest) -> str:
    """Refuse a program that does not compute what the file does: nothing has been written yet."""
    network = compiled.network
    size = sum(layer.channels * layer.height * layer.width for layer in manifest.layers)
    if size > LONG_CHECK:
        print(
            f"comparing {size / 1e6:.0f} million codes of ONNX graph, network and program before "
            f"anything is written; this takes minutes (--no-check leaves it out)",
            file=sys.stderr, flush=True,
        )  # fmt: skip
    codes = busy_picture(network.shape(network.input))
    tail = compiled.parts and compiled.parts.model.SerializeToString()
    pieces = {f"{piece.name}.onnx": piece.model for piece in network.pieces}
    heads = head_weights(network, compiled.heads)
    checked = check_frame(network, model, compiled.image, manifest, codes, tail, pieces, heads)
    for line in checked.tail.lines() if checked.tail else ():
        print(line)
    return f"one picture computed alike by ONNX graph, network and program ({checked.codes} codes)"


def _quantize(arguments: argparse.Namespace) -> None:
    with _sized(arguments) as sized:
        quantize.run(arguments, sized)


def _explain(arguments: argparse.Namespace) -> None:
    with _sized(arguments) as sized:
        explain(arguments.model, sized, arguments.input_scale, arguments.after)


def _report(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.build
    named: Path | None = getattr(arguments, "output", None)
    target = named or folder.resolve().with_suffix(".html")
    check_target(target)
    if named is None and target.exists() and GENERATOR not in read_text(target)[:400]:
        raise FileError(f"{target}: is not a report, and would be replaced; name a file with -o")
    found = collect(read_build(folder))
    write_whole(target, page(found))
    print(f"{target}: {found.prediction.cycles} cycles, each with a reason")


def _disassemble(arguments: argparse.Namespace) -> None:
    path: Path = arguments.build
    build = read_build(path) if path.is_dir() else None
    image = Image.read(path) if build is None else build.image
    addresses = (image.program_address,) if build is None else build.manifest.program_addresses
    for address in addresses:
        print(
            f"; {path / PROGRAM if build else path}: program at {address:#x}, "
            f"{image.memory_bytes} bytes of memory"
        )
        for line in disassemble(image, tables=arguments.tables, address=address):
            print(line)


def run(argv: list[str] | None) -> int:
    """Run one command; an OnefourError for everything that does not end well."""
    arguments = _parser().parse_args(argv)
    commands = {
        "build": _build, "quantize": _quantize, "survey": survey.run, "explain": _explain,
        "report": _report, "disassemble": _disassemble,
    }  # fmt: skip
    commands[arguments.command](arguments)
    return 0
