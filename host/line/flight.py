"""Two frames in flight: while the accelerator works on one, the next picture goes in and the last
frame's results come out, over both ways of the line at once.

Memory has two halves, each with a whole copy of the program and of everything that it uses. The
accelerator finds its half where the program says (register HALF turns them round), and the host
keeps to the other half while it runs. So nothing that one reads is ever written by the other:
:class:`Flight` checks every command against what the program may touch, which is memory up to the
image's ``memory_bytes``, before it is sent.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from arch.link import ANSWERS_WAITING, BoardRegister
from host.candidates.fetch import read_tensors
from host.device import Device, whole_units
from host.image import Image
from host.line.packets import (
    BOTH_WAYS_UNITS,
    Command,
    Records,
    gathered,
    pixel_writes,
    reads,
    writes,
)
from host.link import Report
from host.manifest import Manifest
from host.memory import layer_format


class FlightError(RuntimeError):
    """The host would touch memory that the accelerator uses: a mistake in this program."""


def fits(image: Image, manifest: Manifest, size: int) -> str:
    """Why two frames cannot be in flight in ``size`` bytes of memory; nothing if they can."""
    if manifest.pieces:
        return "the host computes a part of each frame"
    if image.memory_bytes > size // 2:
        return f"the network takes {image.memory_bytes} of {size} bytes of memory, more than a half"
    return ""


@dataclass
class _Collected:
    """A link that does nothing: what would be written, as commands."""

    commands: list[Command] = field(default_factory=list)

    def write(self, address: int, content: bytes, *_: object) -> None:
        self.commands += writes(address, content)

    def write_pixels(self, address: int, pixels: bytes, *_: object) -> None:
        self.commands += pixel_writes(address, pixels)


@dataclass(frozen=True, kw_only=True)
class Landed:
    """A frame that has ended: its counters, memory uint8 with the network's outputs in it, and the
    bytes that were read for them; all of :meth:`host.device.Device.results`."""

    counters: dict[str, int]
    memory: np.ndarray
    fetched: int


def one_by_one(
    device: Device,
    image: Image,
    manifest: Manifest,
    pieces: Mapping[str, bytes],
    pictures: Iterable[np.ndarray],
    floor: float | None = None,
) -> Iterator[Landed]:
    """Frames of a program that is loaded, each from its picture to its results before the next."""
    for codes in pictures:
        device.put_picture(image, manifest, codes)
        counters = device.frame(image, manifest, pieces)
        counts: list[int] = []
        memory = device.results(manifest, image.memory_bytes, counts.append, floor)
        yield Landed(counters=counters, memory=memory, fetched=sum(counts))


class _Reader:
    """Memory of one half as the program sees it (``host.candidates.fetch.Reader``). While it is
    read, packets of ``told`` are written, as many as the board takes beside each that reads."""

    def __init__(self, flight: "Flight", half: int, told: list[Command]):
        self.flight, self.half, self.told = flight, half, told
        self.fetched = 0

    def read(self, address: int, length: int, report: Report | None = None) -> bytes:
        return b"".join(self._exchange(reads(address, length, BOTH_WAYS_UNITS), report))

    def gather(self, records: Sequence[Records], report: Report | None = None) -> list[bytes]:
        return gathered(records, lambda commands: self._exchange(commands, report))

    def _exchange(self, asked: list[Command], report: Report | None) -> list[bytes]:
        count = (ANSWERS_WAITING - 1) * len(asked)
        told, self.told = self.told[:count], self.told[count:]
        answers = self.flight._exchange(self.flight._moved(asked, self.half), told, report)
        self.fetched += sum(map(len, answers))
        return answers


class Flight:
    """Frames of one program on a board with ``size`` bytes of memory, of which :func:`fits` says
    that they can be in flight. ``floor`` is that of :meth:`host.device.Device.results`. Errors:
    those of the device and its link."""

    def __init__(
        self,
        device: Device,
        image: Image,
        manifest: Manifest,
        size: int,
        floor: float | None = None,
    ):
        self.device, self.image, self.manifest, self.size = device, image, manifest, size
        self.floor = floor
        tensors = (*read_tensors(manifest), *(each.tensor for each in manifest.candidates))
        forms = [layer_format(manifest.layer_of(tensor)) for tensor in tensors]
        self._outputs = whole_units([(form.address, form.end) for form in forms])
        self._busy: int | None = None
        self._half = 0

    def base(self, half: int) -> int:
        """Where a half begins."""
        return half * self.size // 2

    def load(self, report: Report | None = None) -> None:
        """Write all that the program image sets into both halves."""
        for half in (0, 1):
            collected = _Collected()
            Device(collected).load(self.image)
            self._exchange([], self._moved(collected.commands, half), report)

    def frames(
        self, pictures: Iterable[np.ndarray], report: Report | None = None
    ) -> Iterator[Landed]:
        """Frames of picture codes uint8 [C, H, W], in order; each comes out when the one behind it
        has been computed."""
        coming = iter(pictures)
        codes = next(coming, None)
        if codes is None:
            return
        self._turn(0)
        self._exchange([], self._picture(codes, 0), report)
        half, before = 0, None
        while codes is not None:
            self._start(half)
            codes = next(coming, None)
            told = [] if codes is None else self._picture(codes, 1 - half)
            landed = None
            if before is None:
                self._exchange([], told, report)
            else:
                landed = self._land(before, 1 - half, told, report)
            before = self._finish()
            if landed is not None:
                yield landed
            half = 1 - half
        yield self._land(before, 1 - half, [], report)

    # ---- Halves.

    def _turn(self, half: int) -> None:
        """Give the accelerator, which stands still, a half."""
        self.device.link.write_register(BoardRegister.HALF, half)
        self._half = half

    def _start(self, half: int) -> None:
        if half != self._half:
            self._turn(half)
        self.device.start(self.manifest.program_address)
        self._busy = half

    def _finish(self) -> dict[str, int]:
        counters = self.device.finish()
        self._busy = None
        return counters

    def _moved(self, commands: Iterable[Command], half: int) -> list[Command]:
        return [replace(each, address=each.address + self.base(half)) for each in commands]

    def _picture(self, codes: np.ndarray, half: int) -> list[Command]:
        """Commands that put a picture into a half."""
        collected = _Collected()
        Device(collected).put_picture(self.image, self.manifest, codes)
        return self._moved(collected.commands, half)

    def _land(
        self, counters: dict[str, int], half: int, told: list[Command], report: Report | None
    ) -> Landed:
        """Fetch the results in a half while ``told`` is written, where that leaves them alone."""
        base = self.base(half)
        outputs = [range(start + base, end + base) for start, end in self._outputs]
        apart = not any(_meet(one, other) for one in outputs for other in _places(told))
        reader = _Reader(self, half, told if apart else [])
        memory = Device(reader).results(self.manifest, self.image.memory_bytes, report, self.floor)
        self._exchange([], reader.told if apart else told, report)
        return Landed(counters=counters, memory=memory, fetched=reader.fetched)

    def _exchange(
        self, asked: Sequence[Command], told: Sequence[Command], report: Report | None
    ) -> list[bytes]:
        """Read and write at once, apart from each other; return what was read."""
        self._check_idle([*asked, *told])
        return self.device.link.exchange_both_ways(asked, told, report)

    def _check_idle(self, commands: Iterable[Command]) -> None:
        """Raise :class:`FlightError` where a command touches what the accelerator works on."""
        if self._busy is None:
            return
        first = self.base(self._busy)
        used = range(first, first + self.image.memory_bytes)
        for each in commands:
            if _meet(each.memory, used):
                raise FlightError(
                    f"{each.operation.name} at {each.address:#x} while the accelerator works on "
                    f"{used.start:#x} to {used.stop:#x}"
                )


def _meet(one: range, other: range) -> bool:
    return bool(one) and bool(other) and one.start < other.stop and other.start < one.stop


def _places(commands: Sequence[Command]) -> list[range]:
    """Memory that commands touch, those that follow one another as one."""
    found: list[range] = []
    for each in commands:
        if found and found[-1].stop == each.memory.start:
            found[-1] = range(found[-1].start, each.memory.stop)
        else:
            found.append(each.memory)
    return found
