"""``python -m compiler survey MODEL...``: many files on several boards, in one table."""

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from onnx import ModelProto

from arch.boards import Board, board_named
from arch.command_line import real
from arch.errors import OnefourError
from arch.files import check_target
from arch.memory import memory_named
from compiler.build_folder import compiled_manifest
from compiler.check.frame import CheckedFrame, busy_picture, check_frame
from compiler.errors import DifferenceError, UnsupportedError
from compiler.flow import Compiled, compile_network
from compiler.frontend.dialect import described, is_float
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import graph_of, load_file, load_model
from compiler.frontend.reader.sizes import with_size
from compiler.frontend.split.model import Parts, split_file
from compiler.frontend.split.tail import tail_of
from compiler.quantize import command as quantize
from compiler.survey_rows import Frame, Row, Settings, read_record, table, write_record
from golden.network import Network
from host.description import side_car

USUAL = ("ecp5-25f", "ecp5-85f")


@dataclass(frozen=True)
class Target:
    """A board, and the clock rate in MHz that frames a second are told for; None: they are not."""

    name: str
    board: Board
    clock_mhz: float | None

    @property
    def label(self) -> str:
        clock = "" if self.clock_mhz is None else f", {self.clock_mhz:g} MHz"
        return f"{self.board.machine.name}, {self.board.memory.name}{clock}"


def target(text: str) -> Target:
    """An argparse type: BOARD[:MEMORY][@MHZ]."""
    where, _, clock = text.partition("@")
    name, _, memory = where.partition(":")
    try:
        board = board_named(name)
        if memory:
            board = replace(board, memory=memory_named(memory))
        return Target(text, board, real(0, above=True)(clock) if clock else None)
    except (OnefourError, argparse.ArgumentTypeError) as error:
        raise argparse.ArgumentTypeError(
            f"{error}; give BOARD[:MEMORY][@MHZ], such as ecp5-25f:ideal@90"
        ) from error


def add_options(parser: argparse.ArgumentParser) -> None:
    """All options of ``survey`` but those that it shares with ``build``."""
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL", help="ONNX files")
    parser.add_argument(
        "--on", type=target, action="append", metavar="BOARD[:MEMORY][@MHZ]",
        default=argparse.SUPPRESS,
        help="a board, with another memory and a clock rate if need be; any number of times "
        f"(default: {' and '.join(USUAL)}). Frames a second are told with a clock rate only",
    )  # fmt: skip
    parser.add_argument(
        "--quantize", type=quantize.precision, metavar="wNaM", default=argparse.SUPPRESS,
        help="give float networks weights of N bits and activations of M first, such as w8a8 "
        "(needs --data)",
    )  # fmt: skip
    quantize.add_data(parser, required=False)
    quantize.add_ends(parser)
    parser.add_argument(
        "--no-check", action="store_true",
        help="do not compare ONNX graph, network and program on a picture",
    )  # fmt: skip
    parser.add_argument(
        "--record", type=Path, default=argparse.SUPPRESS, help="JSON file to write the table to"
    )
    parser.add_argument(
        "--resume", action="store_true",
        help="go on with the record of a run that was stopped: files that it has stay in it, and "
        "are not built again",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> None:
    """Print a line for each file as it is done, the table, and what was refused why.

    :class:`DifferenceError` at the end where a program does not compute its file.
    """
    targets = getattr(arguments, "on", None) or [target(name) for name in USUAL]
    record: Path | None = getattr(arguments, "record", None)
    settings = _settings(arguments, targets)
    known: dict[tuple[str, str], Row] = {}
    if record is not None:
        check_target(record)
        if arguments.resume:
            known = {(row.file, row.sha256): row for row in read_record(record, settings)}
    elif arguments.resume:
        raise OnefourError("--resume: goes on with a record; name it with --record FILE")
    named = {model.name for model in arguments.models}
    kept = [row for row in known.values() if row.file not in named]
    waiting = [row for row in known.values() if row.file in named]  # kept if this run is stopped
    rows = []
    for model in arguments.models:
        started = time.monotonic()
        digest = _digest(model)
        row = known.get((model.name, digest))
        if row is None:
            row = _row(arguments, model, targets)
            row.sha256 = digest
            row.seconds = round(time.monotonic() - started, 1)
        built = sum(not each.refused and not each.differs for each in row.frames)
        state = "refused" if row.refused else f"{built} of {len(targets)} targets"
        print(f"{model}: {row.kind or 'not read'}; {state}; {row.seconds:.0f} s", flush=True)
        rows.append(row)
        waiting = [each for each in waiting if each.file != model.name]
        if record is not None:
            write_record(record, settings, kept + rows + waiting)
    print()
    for line in table(kept + rows):
        print(line)
    wrong = [row.file for row in rows if any(each.differs for each in row.frames)]
    if wrong:
        raise DifferenceError(f"{', '.join(wrong)}: not computed alike, as told above")


def _settings(arguments: argparse.Namespace, targets: list[Target]) -> Settings:
    bits, size = getattr(arguments, "quantize", None), getattr(arguments, "size", None)
    return Settings(
        quantize=bits and "w{}a{}".format(*bits),
        ends=quantize.ends_of(arguments),
        targets=[each.label for each in targets],
        size=size and list(size),
        input_scale=arguments.input_scale,
        compared=not arguments.no_check,
    )


def _digest(model: Path) -> str:
    """SHA-256 of a file, by which a record knows it again; empty where it cannot be read."""
    try:
        return hashlib.sha256(model.read_bytes()).hexdigest()
    except OSError:
        return ""


def _row(arguments: argparse.Namespace, model: Path, targets: list[Target]) -> Row:
    row = Row(file=model.name)
    try:
        row.kind = described(load_file(model))
        with _prepared(arguments, model) as path:
            network, parts = _read(path, arguments.input_scale, row)
            known: CheckedFrame | None = None
            for each in targets:
                frame, known = _frame(arguments, path, network, parts, each, known)
                row.frames.append(frame)
    except OnefourError as error:
        row.refused = _reason(error)
    return row


def _reason(error: OnefourError) -> str:
    """What is wrong, on one line, without the list of all operators that there are."""
    first, listed, rest = " ".join(str(error).split()).partition(" Supported: ")
    return first + rest[rest.index(".") + 1 :] if listed and "." in rest else first


@contextmanager
def _prepared(arguments: argparse.Namespace, model: Path) -> Iterator[Path]:
    """The file to compile: the model, sized and quantised as the options ask for."""
    own = copy(arguments)
    own.model = model
    with TemporaryDirectory(prefix="onefour-") as folder:
        sized = model
        if hasattr(arguments, "size"):
            sized = Path(folder) / model.name
            sized.write_bytes(with_size(model, arguments.size).SerializeToString())
        if is_float(load_file(sized)):
            if not hasattr(own, "quantize"):
                raise UnsupportedError("a float network; give it bits: --quantize w8a8 --data DIR")
        else:
            for name in ("quantize", "data", "first", "last"):
                if hasattr(own, name):
                    delattr(own, name)
        with quantize.quantised(own, sized) as path:
            yield path


def _read(path: Path, input_scale: float, row: Row) -> tuple[Network, Parts | None]:
    """The network of a file, and in ``row`` what of it runs where."""
    network, parts = read_network(path, input_scale=input_scale), split_file(path)
    graph = graph_of(load_model(path), path)
    tail = tail_of(graph)
    host = tail.nodes if tail else ()
    counts = Counter(node.op for node in host)
    row.foreign = dict(Counter(node.op for node in tail.foreign).most_common()) if tail else {}
    for piece in network.pieces:
        own = Counter(node.op_type for node in ModelProto.FromString(piece.model).graph.node)
        counts += own
        row.pieces.append(dict(own.most_common()))
    row.on_array = len(graph.nodes) - counts.total()
    row.on_host = dict(counts.most_common())
    return network, parts


def _frame(
    arguments: argparse.Namespace,
    path: Path,
    network: Network,
    parts: Parts | None,
    where: Target,
    known: CheckedFrame | None,
) -> tuple[Frame, CheckedFrame | None]:
    """A frame on one target; ``known``: the picture on another, the network's own part of which is
    not computed again."""
    frame = Frame(where.label)
    try:
        board = where.board
        compiled = compile_network(network, board.machine, board.memory, line=board.line)
        _measure(frame, compiled, where)
        if not arguments.no_check:
            own = replace(compiled, parts=parts)
            known = _checked(own, path, arguments.input_scale, known)
            frame.codes_compared = known.codes
    except DifferenceError as error:
        frame.differs = _reason(error)
    except OnefourError as error:
        frame.refused = _reason(error)
    return frame, known


def _measure(frame: Frame, compiled: Compiled, where: Target) -> None:
    machine, prediction = compiled.machine, compiled.prediction
    frame.program_bytes = len(compiled.image.to_bytes())
    frame.cycles = prediction.cycles
    useful = sum(placed.job.bit_operations for placed in compiled.plan.jobs)
    frame.useful = round(useful / (prediction.cycles * machine.binary_macs), 4)
    frame.dram_bytes = machine.port_bytes(prediction.read_beats, prediction.write_beats)
    if where.clock_mhz is not None:
        frame.frames_per_second = round(where.clock_mhz * 1e6 / prediction.cycles, 2)


def _checked(
    compiled: Compiled, path: Path, input_scale: float, known: CheckedFrame | None
) -> CheckedFrame:
    beside = side_car(path)
    manifest = compiled_manifest(compiled, path, input_scale, beside if beside.exists() else None)
    codes = busy_picture(compiled.network.shape(compiled.network.input))
    tail = compiled.parts and compiled.parts.model.SerializeToString()
    pieces = {f"{piece.name}.onnx": piece.model for piece in compiled.network.pieces}
    return check_frame(
        compiled.network, path, compiled.image, manifest, codes, tail, pieces, known=known
    )
