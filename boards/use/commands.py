"""What ``python -m boards build``, ``flash``, ``run`` and ``doctor`` do."""

import argparse
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arch.errors import OnefourError
from arch.files import check_folder, check_target
from arch.link import UNIT
from arch.machine import TINY
from boards.bitstream import build_bitstream
from boards.design import Design
from boards.platforms.board import Board
from boards.platforms.registry import about_routes, board_named
from boards.toolchain import check_tools
from boards.use.folder import about_results, run_folder
from boards.use.loader import load, loader_that_runs
from boards.use.opened import Opened, bitstream_folder, chosen_board, made_bitstream, opened
from boards.use.record import bitstream_records, frame_records, write_records
from compiler.build_folder import Build, read_build
from compiler.check.frame import check_frame
from compiler.errors import DifferenceError
from host.boxes import boxes_on_picture, check_detector, class_names, is_detector
from host.device import Device, Report, result_bytes
from host.draw import check_drawing, describe, drawn_size, save_drawing
from host.frame import load_frame
from host.link import Link
from host.read_timing import settle_read_timing
from host.results import check_floor
from host.serial_line import SerialLine, serial_ports, the_port

# ---- Bitstreams.


def build(arguments: argparse.Namespace) -> None:
    """Make the bitstream of a build's machine."""
    check_tools()
    machine = read_build(arguments.build).machine
    board = chosen_board(arguments, machine)
    folder = arguments.out or bitstream_folder(board, machine)
    check_folder(folder)
    if arguments.record:
        check_target(arguments.record)
    if warning := about_routes(machine):
        print(warning)
    design = Design(board=board, machine=machine, clock_mhz=arguments.clock)
    built = build_bitstream(design, folder.resolve(), arguments.seed)
    size = built.bitstream.stat().st_size
    print(built.table())
    print(f"{built.bitstream}: {size} bytes")
    if arguments.record:
        write_records(arguments.record, bitstream_records(built.record(), size))


def flash(arguments: argparse.Namespace) -> None:
    """Write a bitstream to the board, until it is switched off or for good."""
    machine = read_build(arguments.build).machine
    board = chosen_board(arguments, machine)
    bitstream = made_bitstream(board, machine, arguments.out, arguments.build)
    load(board, bitstream, arguments.to)
    print(f"{board.title}: {bitstream} is in its {arguments.to}")


# ---- Boards in use.


def run(arguments: argparse.Namespace) -> None:
    """Load the program, put a picture in, take the boxes out."""
    if arguments.draw and not arguments.image.is_dir():
        check_drawing(arguments.draw)
    if arguments.record:
        if not arguments.simulate:
            raise OnefourError("--record keeps what a simulation shows; it needs --simulate")
        check_target(arguments.record)
    found = read_build(arguments.build)
    board = chosen_board(arguments, found.machine)
    if is_detector(found.manifest):
        check_floor(found.manifest, arguments.score)
    if arguments.image.is_dir():
        run_folder(arguments, found, board)
        return
    frame = load_frame(found.manifest, arguments.image)
    if arguments.draw:
        check_detector(found.manifest)
        check_drawing(arguments.draw, drawn_size(frame.image))
    with opened(arguments, board, found.machine) as there:
        memory, expected = _frame(there, found, frame.codes, arguments)
    if not is_detector(found.manifest):
        return
    parts = found.tail, found.heads
    boxes = boxes_on_picture(memory, found.manifest, frame, arguments.score, *parts)
    if expected is not None:
        whole = boxes_on_picture(expected, found.manifest, frame, arguments.score, *parts)
        if not boxes.equal(whole):
            raise DifferenceError(
                f"{len(boxes)} boxes of the results that were fetched are not the {len(whole)} of "
                f"golden's"
            )
        print(f"{len(boxes)} boxes, as in the whole results of golden")
    classes = class_names(found.manifest)
    for line in describe(boxes, classes):
        print(line)
    if arguments.draw:
        save_drawing(arguments.draw, frame.image, boxes, classes)
        print(f"{arguments.draw}: {len(boxes)} boxes")


def _frame(
    there: Opened, found: Build, codes: np.ndarray, arguments: argparse.Namespace
) -> tuple[np.ndarray, np.ndarray | None]:
    """One frame: memory with the results, and golden's of a simulated board."""
    device, line = there.device, there.device.link.transport
    device.begin(found.machine, random.SystemRandom().randrange(1, 1 << 32))
    settle_read_timing(device.link, there.board.memory.size)
    times, clock = {}, line.now
    moved: Counter[str] = Counter()

    def timed(name: str, total: int, work: Callable[[Report], object]) -> object:
        started = clock()
        with tqdm(total=total, unit="B", unit_scale=True, desc=name, disable=None) as bar:

            def report(count: int) -> None:
                moved[name] += count
                bar.update(count)

            result = work(report)
        times[name] = clock() - started
        return result

    if there.simulated is not None and not arguments.whole_link:
        there.simulated.put_memory(found.image.memory())
        print("program: into the simulated memory by the back door (--whole-link: over the line)")
    else:
        total = found.image.memory_bytes
        timed("program", total, lambda report: device.load(found.image, report))
    picture = found.manifest.picture
    timed(
        "picture",
        picture.height * picture.width * 3,
        lambda report: device.put_picture(found.image, found.manifest, codes, report),
    )
    counters = timed("frame", 1, lambda _: device.frame(found.image, found.manifest, found.pieces))
    floor = arguments.score if is_detector(found.manifest) else None
    memory = timed(
        "results",
        result_bytes(found.manifest),
        lambda report: device.results(found.manifest, found.image.memory_bytes, report, floor),
    )
    if told := about_results(found.manifest, floor, moved["results"]):
        print(told)
    cycles = counters["cycles"]
    print(
        f"{cycles} cycles, {cycles / there.clock_mhz / 1000:.2f} ms at {there.clock_mhz:g} MHz "
        f"({found.manifest.prediction.cycles} predicted for memory "
        f"{found.manifest.prediction.memory.name})"
    )
    spent = sum(seconds for name, seconds in times.items() if name != "program")
    print(", ".join(f"{name} {1000 * seconds:.1f} ms" for name, seconds in times.items()))
    slowest = max((name for name in times if name != "program"), key=times.get)
    print(f"{1 / spent:.1f} frames/s one after another; the {slowest} takes most of the time")
    for fault, count in device.link.faults.items():
        print(f"the link mended: {fault}, {count} times")
    expected = None
    if there.simulated is not None:
        expected = _judge(there, found, codes)
        if arguments.record:
            records = frame_records(
                there.board, found, cycles=cycles, compared=expected.size,
                clock_mhz=there.clock_mhz, baud=line.baud, times=times,
                command=_run_command(arguments),
            )  # fmt: skip
            write_records(arguments.record, records)
    return memory, expected


def _run_command(arguments: argparse.Namespace) -> list[str]:
    """What repeats a run in simulation."""
    words = ["run", str(arguments.build), "--simulate", "--image", str(arguments.image)]
    return [*words, "--clock", f"{arguments.clock:g}"]


def _judge(there: Opened, found: Build, codes: np.ndarray) -> np.ndarray:
    """The simulated memory as golden says; DifferenceError unless that is what it is."""
    expected = check_frame(
        found.network, found.model, found.image, found.manifest, codes,
        found.tail if found.heads else None,  # which is what heads are decoded with
        found.pieces, found.heads,
    ).memory
    memory, errors = there.simulated.get_memory(expected.size + -expected.size % UNIT)
    wrong = int(np.count_nonzero(memory[: expected.size] != expected))
    if wrong or errors:
        raise DifferenceError(
            f"{wrong} of {expected.size} bytes in the simulated memory differ from golden, and it "
            f"saw {errors} breaches of its timing"
        )
    print(f"{expected.size} bytes in the simulated memory equal golden; no breach of its timing")
    return expected


def doctor(arguments: argparse.Namespace) -> None:
    """Say what is there and what is missing, from the packages to the board's own word."""
    board = board_named(arguments.board) if arguments.board else board_named("ulx3s-85f")
    wrong = []

    def check(what: str, work: Callable[[], object]) -> object:
        try:
            result = work()
        except OnefourError as error:
            print(f"  no   {what}: {error}")
            wrong.append(what)
            return None
        print(f"  yes  {what}: {result}")
        return result

    print(f"{board.title}:")
    if arguments.simulate:
        with opened(arguments, board, TINY) as there:
            check("the board answers", lambda: there.device.identify())
        return _verdict(wrong)
    check("openFPGALoader", loader_that_runs)
    check("USB", lambda: _usb(board))
    port = check("a serial port", lambda: arguments.port or the_port(board.usb, board.title))
    if port:
        line = check("it can be opened", lambda: SerialLine(port, board.baud))
        if line:
            check("the board answers", lambda: Device(Link(line)).identify())
            line.close()
    return _verdict(wrong)


def _usb(board: Board) -> str:
    """Look for the chip on the bus, whatever drivers there are."""
    for folder in sorted(Path("/sys/bus/usb/devices").glob("*")):
        try:
            found = tuple(
                int((folder / name).read_text(), 16) for name in ("idVendor", "idProduct")
            )
        except (OSError, ValueError):
            continue
        if found == board.usb:
            ports = ", ".join(port.device for port in serial_ports(board.usb))
            return f"{folder.name}, {ports or 'no serial port: is the driver ftdi_sio loaded?'}"
    raise OnefourError(
        f"nothing of {board.usb[0]:04x}:{board.usb[1]:04x} is on any USB bus; many cables only "
        "charge: try another one, and the socket that the board's manual calls US1"
    )


def _verdict(wrong: list[str]) -> None:
    if wrong:
        raise OnefourError(f"not everything is well: {', '.join(wrong)}; see above")
    print("all is well")
