"""``boards netlist``: what a bitstream does, read back from it and played beside its source."""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from arch.files import check_target, read_text
from arch.packages import need
from boards.bitstream import BITSTREAM, CONFIGURATION, PINS, REPORT, pack, unpack
from boards.design import TOP, Design
from boards.readback.configuration import read_configuration
from boards.readback.netlist import Netlist, read_netlist
from boards.readback.wires import free_switches
from boards.sdram.part import USUAL_DELAY
from boards.toolchain import ToolError, check_tools
from boards.use.opened import chosen_board, made_bitstream
from boards.use.record import netlist_records, write_records
from compiler.build_folder import Build, read_build
from compiler.check.frame import check_frame
from compiler.errors import DifferenceError
from host.device import Device
from host.frame import load_frame
from host.link import Link
from host.memory import memory_with_picture
from host.read_timing import PIECE, settle_read_timing

if TYPE_CHECKING:
    from sim.board.transport import SimulatedBoard  # needs the packages of sim

WORD = 8
"""Bytes of memory that are compared at once: a whole number of them is read."""


@dataclass(frozen=True, kw_only=True)
class Played:
    """A frame in one of the models."""

    counters: dict[str, int]
    memory: np.ndarray
    errors: int
    seconds: float


def netlist(arguments: argparse.Namespace) -> None:
    """Read a bitstream back, and play a frame in what it says and in what it was made from."""
    check_tools()
    need("cocotb", "cocotbext")
    found = read_build(arguments.build)
    board = chosen_board(arguments, found.machine)
    bitstream = made_bitstream(board, found.machine, arguments.out, arguments.build)
    folder = bitstream.parent
    frame = load_frame(found.manifest, arguments.image)
    if arguments.record:
        check_target(arguments.record)
    report = json.loads(read_text(folder / REPORT))
    if report["machine"] != found.machine.name:
        raise ToolError(f"{bitstream}: has machine {report['machine']}, the build is for "
                        f"{found.machine.name}")  # fmt: skip
    design = Design(board=board, machine=found.machine, clock_mhz=report["clock_mhz"],
                    baud=report["baud"])  # fmt: skip
    size = check_round_trip(folder)
    print(f"{bitstream}: {size} bytes; packed anew from its configuration, and unpacked and "
          "packed again, they are the same")  # fmt: skip
    made = read_back(folder)
    print("read back: " + ", ".join(f"{count:,} {kind}" for kind, count in made.counts.items()))
    expected = check_frame(
        found.network, found.model, found.image, found.manifest, frame.codes,
        found.tail if found.heads else None,  # which is what heads are decoded with
        found.pieces, found.heads,
    ).memory  # fmt: skip
    played = {}
    for name, files in (("source", source_files(folder)), ("bitstream", netlist_files(made))):
        each = played[name] = play(design, files, found, frame.codes, arguments.delay)
        wrong = int(np.count_nonzero(each.memory[: expected.size] != expected))
        print(f"{name}: {each.counters['cycles']} cycles, {wrong} of {expected.size} bytes of "
              f"memory differ from golden, {each.errors} breaches of the memory's times, "
              f"{each.seconds:.0f} s")  # fmt: skip
        if wrong or each.errors:
            raise DifferenceError(f"the {name} does not do what golden says")
    if played["source"].counters != played["bitstream"].counters:
        raise DifferenceError(
            f"counters differ: {played['source'].counters} in the source, "
            f"{played['bitstream'].counters} in the bitstream"
        )
    print("every counter of the accelerator is the same in both")
    if arguments.record:
        records = netlist_records(
            report, found, size=size, counts=made.counts, compared=expected.size,
            cycles=played["bitstream"].counters["cycles"],
            seconds={name: round(each.seconds) for name, each in played.items()},
        )  # fmt: skip
        write_records(arguments.record, records)


def check_round_trip(folder: Path) -> int:
    """The bitstream's size; DifferenceError unless packing anew, and unpacking, tell the same.

    Its configuration must pack to it; what it unpacks to must have every switch of that, and pack
    to it again.
    """
    kept = (folder / BITSTREAM).read_bytes()
    with tempfile.TemporaryDirectory(dir=folder, prefix="round-trip-") as scratch:
        place = Path(scratch)
        (place / BITSTREAM).write_bytes(kept)
        (place / CONFIGURATION).write_text(read_text(folder / CONFIGURATION))
        unpack(place, BITSTREAM, "unpacked.config")
        for name in (CONFIGURATION, "unpacked.config"):
            if pack(place, name, "again.bit").read_bytes() != kept:
                raise DifferenceError(f"{folder / BITSTREAM}: {name} packs to another bitstream")
        told, read = (
            read_configuration(place / name) for name in (CONFIGURATION, "unpacked.config")
        )
        free = free_switches(told.device)
        lost = {arc for arc in set(told.arcs) - set(read.arcs) if arc[2:] not in free}
        if lost:
            raise DifferenceError(
                f"{folder / BITSTREAM}: {len(lost)} switches of its configuration are not in it, "
                f"such as {min(lost)}"
            )
    return len(kept)


def read_back(folder: Path) -> Netlist:
    """The netlist of the design in ``folder``."""
    configuration = read_configuration(folder / CONFIGURATION)
    return read_netlist(configuration, read_text(folder / PINS), TOP)


def source_files(folder: Path) -> dict[str, str]:
    """The Verilog that was synthesised, with models of the cells that it names."""
    from sim.cells import block_ram, logic_cells, multiplier

    return {
        "core.v": read_text(folder / "core.v"), "top.v": read_text(folder / "top.v"),
        "logic.v": logic_cells(), "dp16kd.v": block_ram(), "mult18x18d.v": multiplier(),
    }  # fmt: skip


def netlist_files(made: Netlist) -> dict[str, str]:
    """The netlist, with models of its blocks."""
    from sim.cells import block_ram, multiplier

    return {"netlist.v": made.verilog, "dp16kd.v": block_ram(), "mult18x18d.v": multiplier()}


@contextmanager
def running(
    design: Design, files: Mapping[str, str], delay_ns: float = USUAL_DELAY
) -> "Iterator[SimulatedBoard]":
    """The board with that Verilog of its design, switched on."""
    from boards.use.simulation import model_of, simulated, start_seconds

    model = model_of(design, files)
    if not model.is_built:
        print(f"building a simulation of {', '.join(files)}, once: minutes", flush=True)
    with simulated(design, model, delay_ns=delay_ns) as line:
        line.wait(start_seconds(design))
        yield line


def play(
    design: Design, files: Mapping[str, str], found: Build, codes: np.ndarray, delay_ns: float
) -> Played:
    """One frame: program and picture by the back door, all else over the line."""
    image, manifest = found.image, found.manifest
    started = time.monotonic()
    with running(design, files, delay_ns) as line:
        device = Device(Link(line))
        device.begin(found.machine, 1)
        settle_read_timing(device.link, design.board.memory.size, PIECE)  # bytes take long here
        line.put_memory(memory_with_picture(image, manifest, codes))
        counters = device.frame(image, manifest, found.pieces)
        size = image.memory_bytes
        memory, errors = line.get_memory(size + -size % WORD)
    return Played(
        counters=counters, memory=memory, errors=errors, seconds=time.monotonic() - started
    )
