"""A frame on the SoC of soc.py: program, picture and results over UARTBone.

    python examples/litex/frame.py BUILD --image PICTURE [--draw OUT] [--port /dev/ttyUSB0]
    python examples/litex/frame.py BUILD --image PICTURE --simulate

``--simulate`` runs the SoC's Verilog at its pins, and compares all of memory with golden.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from bridge import Bridge
from simulation import WORD, simulated_soc
from targets import TARGETS

from arch.command_line import Help, real, run_command
from arch.errors import OnefourError
from arch.registers import IDENTIFIER, Register
from compiler.build_folder import Build, read_build
from compiler.check.frame import check_frame
from compiler.errors import DifferenceError
from host.boxes import boxes_on_picture, class_names, is_detector
from host.device import Device, configuration
from host.draw import describe, save_drawing
from host.frame import load_frame
from host.serial_line import SerialLine, the_port
from sim.board.transport import SimulatedBoard


@contextmanager
def opened(options: argparse.Namespace, soc: dict) -> Iterator[SerialLine | SimulatedBoard]:
    """The line to the board, or to its simulation."""
    if options.simulate:
        if soc["levelling"]:
            raise OnefourError(
                f"{soc['board']}: DDR3 is not simulated here; take a SoC of soc.py --board ulx3s"
            )
        with simulated_soc(options.soc, soc) as line:
            yield line
        return
    target = TARGETS[soc["board"]]
    line = SerialLine(options.port or the_port(target.usb, target.title), soc["baud"])
    try:
        yield line
    finally:
        line.close()


def check_accelerator(device: Device, found: Build) -> None:
    """OnefourError unless the machine of a build answers."""
    read = device.link.read_register
    number = read(Register.ID)
    if number != IDENTIFIER:
        raise OnefourError(f"there is no accelerator: it answers {number:#010x} for its name")
    sizes = tuple(read(name) for name in (Register.CONFIG0, Register.CONFIG1, Register.CONFIG2))
    if sizes != configuration(found.machine):
        raise OnefourError(
            f"the SoC has another machine than {found.machine.name}, for which the build is; make "
            f"it with: python examples/litex/soc.py --machine {found.machine.name}"
        )
    print(f"registers: {number:#010x}, machine {found.machine.name}")


def compare(line: SimulatedBoard, found: Build, codes: np.ndarray, before: int) -> None:
    """OnefourError unless a simulated memory is what golden says.

    ``before`` is how many breaches of its timing the memory saw until it was initialised.
    """
    expected = check_frame(
        found.network, found.model, found.image, found.manifest, codes, pieces=found.pieces
    ).memory
    memory, errors = line.get_memory(expected.size + expected.size % 2)
    wrong = int(np.count_nonzero(memory[: expected.size] != expected))
    if wrong or errors != before:
        raise DifferenceError(
            f"{wrong} bytes differ from golden; {errors - before} breaches of the memory's timing"
        )
    print(
        f"{expected.size} bytes in the simulated memory equal golden; no breach of its timing "
        f"since it was initialised ({before} before: LiteDRAM refreshes it from its own reset on)"
    )


def run(options: argparse.Namespace) -> None:
    """One frame."""
    found = read_build(options.build)
    description = options.soc / "soc.json"
    if not description.exists():
        raise OnefourError(f"{description}: there is none; make it with examples/litex/soc.py")
    soc = json.loads(description.read_text())
    csr = json.loads((options.soc / "csr.json").read_text())["csr_registers"]
    frame = load_frame(found.manifest, options.image)
    with opened(options, soc) as line:
        device = Device(Bridge(line, soc, csr))
        check_accelerator(device, found)
        device.link.initialise_memory()
        before = line.get_memory(WORD)[1] if options.simulate else 0
        started = line.now()
        if options.simulate and not options.whole_link:
            line.put_memory(found.image.memory())
        else:
            device.load(found.image)
        device.put_picture(found.image, found.manifest, frame.codes)
        device.link.check_session()  # an answer: all that was sent has arrived
        filled = line.now()
        counters = device.frame(found.image, found.manifest, found.pieces)
        ended = line.now()
        memory = device.results(found.manifest, found.image.memory_bytes)
        print(
            f"{counters['cycles']} cycles; in {1000 * (filled - started):.1f} ms, frame "
            f"{1000 * (ended - filled):.1f} ms, results {1000 * (line.now() - ended):.1f} ms"
        )
        if options.simulate:
            compare(line, found, frame.codes, before)
    if not is_detector(found.manifest):
        return
    boxes = boxes_on_picture(memory, found.manifest, frame, options.score, found.tail)
    print("\n".join(describe(boxes, class_names(found.manifest))))
    if options.draw:
        save_drawing(options.draw, frame.image, boxes, class_names(found.manifest))


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=Help)
    parser.add_argument("build", type=Path, help="folder that `python -m compiler build` wrote")
    parser.add_argument("--soc", type=Path, default=Path("build/litex"), help="soc.py's output")
    parser.add_argument("--image", type=Path, required=True)
    parser.add_argument("--draw", type=Path, help="write the picture with the boxes found")
    parser.add_argument("--score", type=real(0, 1), default=0.4, help="least score of a box")
    parser.add_argument("--port", help="serial port (default: found by its USB chip)")
    parser.add_argument("--simulate", action="store_true", help="no board: the SoC in simulation")
    parser.add_argument(
        "--whole-link", action="store_true", help="load a simulated program over the line, too"
    )
    run(parser.parse_args(argv))


if __name__ == "__main__":
    sys.exit(run_command(_main, None))
