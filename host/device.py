"""A board as a host uses it: a program is loaded, a picture goes in, results come out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from arch.errors import OnefourError
from arch.link import BOARD_IDENTIFIER, LINK_VERSION, UNIT, BoardRegister
from arch.machine import Machine
from arch.registers import IDENTIFIER, WATCHDOG_DEFAULT, ErrorCode, Register
from host.candidates.fetch import (
    fetch_candidates,
    fetch_map,
    fetch_results,
    read_tensors,
)
from host.image import Image
from host.link import Link
from host.manifest import Manifest
from host.memory import layer_format, write_picture
from host.pieces import run_piece
from host.results import check_floor
from host.tail import Tail

START, BUSY = 1, 1
DONE, ERROR = 1, 2
PIXEL = 4
MOST_SECONDS = 60.0
"""Of a frame: a program that has not ended then never will."""
COUNTERS = (
    Register.CYCLES, Register.PASSES, Register.STALL_LOAD, Register.STALL_OUTPUT,
    Register.STALL_DRAIN, Register.LOADER_WAIT, Register.LOADS, Register.COMPUTED, Register.STORED,
    Register.READ_BEATS, Register.WRITE_BEATS,
)  # fmt: skip
Report = Callable[[int], None]


class DeviceError(OnefourError):
    """A board that is not what a build needs, or a frame that did not end well."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """What a board says of itself."""

    number: int
    #: Packets that it has seen broken since its reset: by their checksum, by silence.
    bad_packets: int
    broken_packets: int
    memory_ready: bool
    #: CONFIG0 to CONFIG2 of its accelerator.
    configuration: tuple[int, int, int]


def configuration(machine: Machine) -> tuple[int, int, int]:
    """CONFIG0 to CONFIG2 as a machine has them; see :class:`arch.registers.Register`."""
    return (
        machine.rows | machine.columns << 8 | machine.lanes << 16 | machine.beat_bytes << 24,
        machine.activation_words | machine.weight_words << 16,
        machine.table_entries | machine.accumulator_bits << 16 | machine.signs << 24,
    )


class Device:
    """A board at the other end of a link. Errors: :class:`DeviceError`, and those of the link."""

    def __init__(self, link: Link):
        self.link = link

    def identify(self) -> Identity:
        """Ask who is there; LinkError or DeviceError if it is no board of ours."""
        read = self.link.read_register
        found, version = read(BoardRegister.IDENTIFIER), read(BoardRegister.VERSION)
        if found != BOARD_IDENTIFIER or version & 0xFF != LINK_VERSION:
            raise DeviceError(
                f"what answers is no onefour board of version {LINK_VERSION} (identifier "
                f"{found:#010x}, version {version & 0xFF}); flash one with: python -m boards flash"
            )
        faults = read(BoardRegister.FAULTS)
        core = read(Register.ID)
        if core != IDENTIFIER:
            raise DeviceError(f"the board's accelerator answers {core:#010x} instead of its name")
        return Identity(
            number=version >> 8 & 0xFF,
            bad_packets=faults & 0xFFFF,
            broken_packets=faults >> 16,
            memory_ready=bool(read(BoardRegister.MEMORY) & 1),
            configuration=tuple(
                read(register)
                for register in (Register.CONFIG0, Register.CONFIG1, Register.CONFIG2)
            ),
        )

    def begin(self, machine: Machine, session: int) -> Identity:
        """Begin to use the board for programs of ``machine``; ``session`` is any number but 0."""
        identity = self.identify()
        if identity.configuration != configuration(machine):
            raise DeviceError(
                f"the board's bitstream has another machine than {machine.name!r}; flash the one "
                f"of this build with: python -m boards flash BUILD"
            )
        if not identity.memory_ready:
            raise DeviceError("the board's memory is not initialised; press its reset button")
        self.link.begin_session(session)
        return identity

    def load(self, image: Image, report: Report | None = None) -> int:
        """Write all that the program image sets; return the number of bytes."""
        memory = image.memory()
        ranges = [(address, address + len(content)) for address, content in image.sections]
        ranges += [(address, address + length) for address, length, _ in image.fills]
        total = 0
        for start, end in whole_units(ranges):
            self.link.write(start, _bytes(memory, start, end), report)
            total += end - start
        return total

    def put_picture(
        self, image: Image, manifest: Manifest, codes: np.ndarray, report: Report | None = None
    ) -> int:
        """Write picture codes uint8 [C, H, W]; return the bytes that went over the line."""
        memory = image.memory()
        write_picture(memory, manifest, codes)
        picture = manifest.picture
        total = 0
        for start, size in picture.rows:
            ((start, end),) = whole_units([(start, start + size)])
            content = np.frombuffer(_bytes(memory, start, end), np.uint8).reshape(-1, PIXEL)
            # What surrounds the picture is in the last unit, too.
            if picture.block > 1 or content[:, 3].any():
                self.link.write(start, content.tobytes(), report)
                total += content.size
            else:
                self.link.write_pixels(start, content[:, :3].tobytes(), report)
                total += content[:, :3].size
        return total

    def run(self, program_address: int, watchdog: int = WATCHDOG_DEFAULT) -> dict[str, int]:
        """Run the program once; return its counters. :class:`DeviceError` unless it ends well."""
        self.start(program_address, watchdog)
        return self.finish()

    def start(self, program_address: int, watchdog: int = WATCHDOG_DEFAULT) -> None:
        """Start the program; memory that it uses is its own until :meth:`finish`."""
        write = self.link.write_register
        write(Register.PROGRAM, program_address)
        write(Register.WATCHDOG, watchdog)
        write(Register.IRQ_STATUS, DONE | ERROR)
        write(Register.CONTROL, START)

    def finish(self) -> dict[str, int]:
        """Wait for the end of what was started; its counters. :class:`DeviceError` as ``run``."""
        read = self.link.read_register
        now = self.link.transport.now  # of a simulated board, too
        started = now()
        while (status := read(Register.STATUS)) & BUSY:
            if now() - started > MOST_SECONDS:
                raise DeviceError(f"the program has not ended after {MOST_SECONDS:g} s")
        self.link.check_session()
        if not status >> 1 & 1 or status >> 2 & 1:
            error = read(Register.ERROR)
            raise DeviceError(
                f"the run did not end well: error {ErrorCode(error & 0xFF).name}, waiting for "
                f"{error >> 16}"
            )
        counts = self.link.read_registers(COUNTERS)
        return {name.name.lower(): count for name, count in zip(COUNTERS, counts, strict=True)}

    def frame(
        self, image: Image, manifest: Manifest, pieces: Mapping[str, bytes]
    ) -> dict[str, int]:
        """Run all programs of a frame once, and what the host computes between them; counters.

        ``pieces``: the files of the latter, by name.
        """
        counters = self.run(manifest.program_address)
        memory = image.memory()  # with what surrounds the maps
        for piece in manifest.pieces:
            for tensor in dict.fromkeys(part.tensor for read in piece.reads for part in read.parts):
                fetch_map(self.link, memory, manifest.layer_of(tensor))
            run_piece(memory, manifest, piece, Tail(pieces[piece.file], piece.file))
            for each in piece.writes:
                form = layer_format(each.layer)
                ((start, end),) = whole_units([(form.address, form.end)])
                self.link.write(start, _bytes(memory, start, end))
            for name, count in self.run(piece.program_address).items():
                counters[name] += count
        return counters

    def results(
        self,
        manifest: Manifest,
        size: int,
        report: Report | None = None,
        floor: float | None = None,
    ) -> np.ndarray:
        """Memory uint8 [size] with the network's outputs in their places, and 0 elsewhere.

        Where the program says where there can be boxes that score ``floor``, the outputs are
        fetched there, and are elsewhere what gives no box (``host.candidates.fetch``). Of heads
        that the host computes, their features are. OnefourError where these cannot give what the
        floor wants.
        """
        if floor is not None:
            check_floor(manifest, floor)
        memory = np.zeros(size, np.uint8)
        if tells_candidates(manifest, floor):
            fetch_candidates(self.link, memory, manifest, report)
        else:
            fetch_results(self.link, memory, manifest, report)
        return memory


def tells_candidates(manifest: Manifest, floor: float | None) -> bool:
    """Whether the program says where there can be boxes that score ``floor``."""
    return floor is not None and bool(manifest.candidates) and floor >= manifest.confidence


def result_bytes(manifest: Manifest) -> int:
    """Bytes of all results, and of what those of the host are made of."""
    forms = [layer_format(manifest.layer_of(tensor)) for tensor in read_tensors(manifest)]
    return sum(end - start for start, end in whole_units([(f.address, f.end) for f in forms]))


def whole_units(ranges: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Ranges of whole units, in order, those that touch made one."""
    found: list[tuple[int, int]] = []
    for start, end in sorted(ranges):
        start, end = start - start % UNIT, end + -end % UNIT
        if end == start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


def _bytes(memory: np.ndarray, start: int, end: int) -> bytes:
    """Memory's bytes, 0 behind its end."""
    return memory[start:end].tobytes().ljust(end - start, b"\0")
