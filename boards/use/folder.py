"""``boards run`` on a folder of pictures: two frames in flight, where memory allows."""

import argparse
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from arch.errors import OnefourError
from arch.files import check_folder
from arch.link import BITS_OF_A_BYTE, UNIT
from boards.platforms.board import Board
from boards.use.opened import Opened, opened
from boards.use.record import flight_records, write_records
from compiler.build_folder import Build
from compiler.check.frame import check_frame
from compiler.errors import DifferenceError
from compiler.quantize.pictures import SUFFIXES
from host.boxes import boxes_on_picture, check_detector, class_names, is_detector
from host.candidates.fetch import read_tensors
from host.detection import Detections
from host.device import result_bytes, tells_candidates
from host.draw import check_drawing, describe, drawn_size, save_drawing
from host.frame import load_frame
from host.line.flight import Flight, Landed, fits, one_by_one
from host.manifest import Manifest
from host.memory import layer_format
from host.picture import Frame
from host.read_timing import settle_read_timing


def pictures_in(folder: Path) -> list[Path]:
    """The pictures of a folder by name; OnefourError where there is none."""
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    if not found:
        raise OnefourError(f"{folder}: holds no picture; supported: {', '.join(SUFFIXES)}")
    return found


@dataclass(frozen=True, kw_only=True)
class _Run:
    arguments: argparse.Namespace
    found: Build
    there: Opened
    expected: list[np.ndarray] = field(default_factory=list)
    """Memory as golden leaves it, of the last two pictures."""

    @property
    def floor(self) -> float | None:
        """What the boxes that are wanted score at least; None: all results are wanted."""
        return self.arguments.score if is_detector(self.found.manifest) else None


def run_folder(arguments: argparse.Namespace, found: Build, board: Board) -> None:
    """Every picture of a folder, and how many a second."""
    paths = pictures_in(arguments.image)
    frames = [load_frame(found.manifest, path) for path in paths[:1]]  # before anything long
    if arguments.draw:
        check_detector(found.manifest)
        check_folder(arguments.draw)
        arguments.draw.mkdir(parents=True, exist_ok=True)
        check_drawing(arguments.draw / f"{paths[0].stem}.png", drawn_size(frames[0].image))
    with opened(arguments, board, found.machine) as there:
        run = _Run(arguments=arguments, found=found, there=there)
        _all_of_them(run, paths)


def _all_of_them(run: _Run, paths: list[Path]) -> None:
    device, clock = run.there.device, run.there.device.link.transport.now
    device.begin(run.found.machine, random.SystemRandom().randrange(1, 1 << 32))
    settle_read_timing(device.link, run.there.board.memory.size)
    waiting: list[tuple[Path, Frame]] = []

    def codes() -> Iterator[np.ndarray]:
        for path in paths:
            waiting.append((path, load_frame(run.found.manifest, path)))
            yield waiting[-1][1].codes

    landing, times = _frames(run, codes()), [clock()]
    landed, fetched = None, []
    for landed in landing:
        times.append(clock())
        path, frame = waiting.pop(0)
        fetched.append(landed.fetched)
        _tell(run, path, frame, landed)
    if told := about_results(run.found.manifest, run.floor, round(np.mean(fetched))):
        print(told)
    if len(paths) > 3:
        # Before the first one lands and while the last two do, the line goes one way.
        spent = (times[-3] - times[1]) / (len(paths) - 3)
        print(f"{1 / spent:.2f} frames/s; {_limit(run, spent, landed)}")
    whole = len(paths) / (times[-1] - times[0])
    print(f"{len(paths)} pictures in {times[-1] - times[0]:.3f} s, {whole:.2f} a second")
    for fault, count in device.link.faults.items():
        print(f"the link mended: {fault}, {count} times")
    if run.there.simulated is not None:
        compared = _judge_memory(run, len(paths))
        same = "boxes" if tells_candidates(run.found.manifest, run.floor) else "results"
        print(f"the {same} of every picture equal golden, and {compared} bytes of memory behind "
              "the last; no breach of the memory's timing")  # fmt: skip
        if run.arguments.record:
            write_records(run.arguments.record, flight_records(
                run.there.board, run.found, flight=not _alone(run), pictures=len(paths),
                compared=compared, clock_mhz=run.there.clock_mhz,
                baud=device.link.transport.baud, rate=whole, cycles=landed.counters["cycles"],
                score=run.arguments.score,
            ))  # fmt: skip


def _frames(run: _Run, codes: Iterator[np.ndarray]) -> Iterator[Landed]:
    """The frames, in flight or one after another; the program is loaded first."""
    found, there = run.found, run.there
    image, manifest, size = found.image, found.manifest, there.board.memory.size
    reason = _alone(run)
    back_door = there.simulated is not None and not run.arguments.whole_link
    if reason:
        print(f"one frame after another: {reason}")
        if back_door:
            there.simulated.put_memory(image.memory(), 0)
        else:
            there.device.load(image)
        return one_by_one(there.device, image, manifest, found.pieces, codes, run.floor)
    flight = Flight(there.device, image, manifest, size, run.floor)
    if back_door:
        for half in (0, 1):
            there.simulated.put_memory(image.memory(), flight.base(half))
    else:
        flight.load()
    print("two frames in flight, in the two halves of memory")
    return flight.frames(codes)


def _alone(run: _Run) -> str:
    """Why there are no two frames in flight; nothing where there are."""
    if run.arguments.one_by_one:
        return "--one-by-one"
    return fits(run.found.image, run.found.manifest, run.there.board.memory.size)


def _tell(run: _Run, path: Path, frame: Frame, landed: Landed) -> None:
    """The boxes of a picture, drawn if they are to be; of a simulation, that they are right."""
    arguments, found = run.arguments, run.found
    if run.there.simulated is not None:
        _judge(run, path, frame, landed)
    if not is_detector(found.manifest):
        print(f"{path.name}: {landed.counters['cycles']} cycles")
        return
    boxes = _boxes(run, frame, landed.memory)
    classes = class_names(found.manifest)
    print(f"{path.name}: {landed.counters['cycles']} cycles, {len(boxes)} boxes")
    for line in describe(boxes, classes):
        print(f"  {line}")
    if arguments.draw:
        save_drawing(arguments.draw / f"{path.stem}.png", frame.image, boxes, classes)


def _boxes(run: _Run, frame: Frame, memory: np.ndarray) -> Detections:
    """The boxes in memory uint8 with the results."""
    found = run.found
    return boxes_on_picture(
        memory, found.manifest, frame, run.arguments.score, found.tail, found.heads
    )


def _judge(run: _Run, path: Path, frame: Frame, landed: Landed) -> None:
    """DifferenceError unless all that was read of the outputs is what golden says; of places that
    can be boxes, unless the boxes are."""
    found = run.found
    expected = check_frame(
        found.network, found.model, found.image, found.manifest, frame.codes,
        found.tail if found.heads else None,  # which is what heads are decoded with
        found.pieces, found.heads,
    ).memory  # fmt: skip
    run.expected[:] = [*run.expected[-1:], expected]
    if tells_candidates(found.manifest, run.floor):
        boxes = [_boxes(run, frame, memory) for memory in (landed.memory, expected)]
        if not boxes[0].equal(boxes[1]):
            raise DifferenceError(
                f"{path}: {len(boxes[0])} boxes of the results that were fetched are not the "
                f"{len(boxes[1])} of golden's"
            )
        return
    for tensor in read_tensors(found.manifest):
        form = layer_format(found.manifest.layer_of(tensor))
        wrong = landed.memory[form.address : form.end] != expected[form.address : form.end]
        if wrong.any():
            raise DifferenceError(
                f"{path}: {wrong.sum()} of {wrong.size} bytes of {tensor} differ from golden"
            )


def _judge_memory(run: _Run, count: int) -> int:
    """Bytes of simulated memory that the last of ``count`` frames left, all of them golden's: of
    the last two in flight, one in each half. DifferenceError unless they are."""
    compared = 0
    behind = run.expected[-1:] if _alone(run) else run.expected
    for number, expected in enumerate(behind, count - len(behind)):
        half = 0 if _alone(run) else number % 2
        memory, errors = run.there.simulated.get_memory(
            expected.size + -expected.size % UNIT, half * run.there.board.memory.size // 2
        )
        wrong = int(np.count_nonzero(memory[: expected.size] != expected))
        if wrong or errors:
            raise DifferenceError(
                f"{wrong} of {expected.size} bytes that picture {number + 1} left in the simulated "
                f"memory differ from golden, and it saw {errors} breaches of its timing"
            )
        compared += expected.size
    return compared


def about_results(manifest: Manifest, floor: float | None, count: int) -> str:
    """How many bytes of the results were fetched, where a program tells candidates; or why all."""
    if tells_candidates(manifest, floor):
        return (
            f"results: {count} of {result_bytes(manifest)} bytes, those of places that can be "
            f"boxes of {manifest.confidence:g}"
        )
    if manifest.candidates and floor is not None:
        return (
            f"results: all of them, for --score {floor:g} is below the build's --confidence "
            f"{manifest.confidence:g}"
        )
    return ""


def _limit(run: _Run, spent: float, landed: Landed) -> str:
    """What takes most of a frame's time."""
    picture = run.found.manifest.picture
    line = run.there.device.link.transport.baud
    parts = {
        "the line inwards": picture.height * picture.width * 3 * BITS_OF_A_BYTE / line,
        "the line outwards": landed.fetched * BITS_OF_A_BYTE / line,
        "the accelerator": landed.counters["cycles"] / run.there.clock_mhz * 1e-6,
    }
    told = ", ".join(f"{name} {1000 * seconds:.1f}" for name, seconds in parts.items())
    return f"{1000 * spent:.1f} ms each, at least {told}: {max(parts, key=parts.get)} limits it"
