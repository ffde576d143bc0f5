"""What a frame moves over a line to a board, and how long that takes: ``python -m boards traffic``.

The driver itself moves it, over a model of the line; the memory at its end is golden's.
"""

import argparse
import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from arch.errors import OnefourError
from arch.files import check_target, write_whole
from boards.use.model_line import ModelLine
from compiler.build_folder import Build, read_build
from compiler.errors import DifferenceError
from golden.machine import GoldenMachine
from host.boxes import boxes_on_picture, is_detector
from host.device import Device, tells_candidates
from host.frame import load_frame
from host.link import Link
from host.picture import Frame
from host.pieces import run_frame

RATES = (3e6, 12e6)
"""Baud: an FT231X, and the fastest of FTDI's chips."""
MEGA, MILLI = 1e6, 1e-3


@dataclass(frozen=True)
class Moved:
    """Bytes on the line, packets and all, and the seconds they take at each of ``RATES``."""

    bytes: float
    seconds: tuple[float, ...]

    def __str__(self) -> str:
        times = ", ".join(
            f"{seconds / MILLI:.1f} ms at {baud / MEGA:g} Mbaud"
            for baud, seconds in zip(RATES, self.seconds, strict=True)
        )
        return f"{self.bytes:,.0f} bytes, {times}"


def mean(moved: list[Moved]) -> Moved:
    """The mean of several frames."""
    seconds = np.mean([each.seconds for each in moved], 0)
    return Moved(float(np.mean([each.bytes for each in moved])), tuple(map(float, seconds)))


def over_lines(
    memory: np.ndarray, work: Callable[[Device], object]
) -> tuple[Moved, object]:
    """What ``work``, given a device with this memory, moves; and what it returns."""
    seconds, count, result = [], 0, None
    for baud in RATES:
        line = ModelLine(memory, baud)
        result = work(Device(Link(line)))
        seconds.append(line.now())
        count = line.sent + line.received
    return Moved(count, tuple(seconds)), result


def one_frame(build: Build, frame: Frame, floor: float) -> dict[str, Moved]:
    """Picture, all results, and those of candidates, of one frame.

    DifferenceError where the boxes of these are not those of all results.
    """
    manifest, size = build.manifest, build.image.memory_bytes
    memory = build.image.memory()
    picture, _ = over_lines(
        memory, lambda device: device.put_picture(build.image, manifest, frame.codes)
    )
    machine = GoldenMachine(build.machine)
    run_frame(memory, manifest, build.pieces, lambda address: machine.run(memory, address))
    whole, results = over_lines(memory, lambda device: device.results(manifest, size))
    found = {"picture": picture, "results": whole}
    if tells_candidates(manifest, floor):
        found["candidates"], part = over_lines(
            memory, lambda device: device.results(manifest, size, floor=floor)
        )
        boxes = [
            boxes_on_picture(each, manifest, frame, floor, build.tail) for each in (results, part)
        ]
        if not boxes[0].equal(boxes[1]):
            raise DifferenceError(
                f"{len(boxes[1])} boxes of the places that can be some, {len(boxes[0])} of all"
            )
        print(f"{len(boxes[0])} boxes, the same of all results and of the candidates'")
    return found


def traffic(arguments: argparse.Namespace) -> None:
    """Print and record what frames move."""
    if arguments.record:
        check_target(arguments.record)
    build = read_build(arguments.build)
    manifest = build.manifest
    if not is_detector(manifest):
        raise OnefourError(f"{arguments.build}: nothing is known of boxes, so all results are read")
    frames = []
    for path in arguments.image:
        print(f"{path}: ", end="", flush=True)
        frames.append(one_frame(build, load_frame(manifest, path), arguments.score))
        print("; ".join(f"{name} {moved}" for name, moved in frames[-1].items()))
    found = {name: mean([frame[name] for frame in frames]) for name in frames[0]}
    print(f"mean of {len(frames)} frames:")
    for name, moved in found.items():
        print(f"  {name:10s} {moved}")
    for baud, lines in rates(found).items():
        print(f"  {lines} frames/s at {baud / MEGA:g} Mbaud, the accelerator's time not in it")
    if arguments.record:
        write_whole(arguments.record, json.dumps(records(build, found, arguments), indent=1) + "\n")


def rates(found: dict[str, Moved]) -> dict[float, str]:
    """Frames a second that each line would let through: with all results, and with candidates."""
    told = {}
    for index, baud in enumerate(RATES):
        each = [
            f"{1 / (found['picture'].seconds[index] + moved.seconds[index]):.2f} with {name}"
            for name, moved in found.items()
            if name != "picture"
        ]
        told[baud] = ", ".join(each)
    return told


def records(build: Build, found: dict[str, Moved], arguments: argparse.Namespace) -> list[dict]:
    """Benchmark records, in the form that ``bench/`` keeps."""
    manifest = build.manifest
    network, machine = manifest.network, build.machine.name
    images: list[Path] = arguments.image
    common = {
        "config": {
            "network": network, "machine": machine, "confidence": manifest.confidence,
            "score": arguments.score, "pictures": len(images), "model": "bytes at the line's rate",
            "memory": manifest.prediction.memory.name,
            "predicted_cycles": manifest.prediction.cycles,
        },
        "tools": {"numpy": version("numpy")},
        "command": shlex.join([
            "python", "-m", "boards", "traffic", str(arguments.build), "--score",
            f"{arguments.score:g}", "--image", *map(str, images),
        ]),
    }  # fmt: skip
    figures = [
        (f"{name}.{key}", f"{name}{label}", value, unit)
        for name, moved in found.items()
        for key, label, value, unit in (
            ("bytes", "", moved.bytes, "bytes"),
            *((f"ms_{baud / MEGA:g}", f" at {baud / MEGA:g} Mbaud", seconds / MILLI, "ms")
              for baud, seconds in zip(RATES, moved.seconds, strict=True)),
        )
    ]  # fmt: skip
    return [
        {"name": f"line.{network}.{machine}.{name}", "label": f"{network} over a line: {label}",
         "value": round(value, 3), "unit": unit, "better": "lower"} | common
        for name, label, value, unit in figures
    ]  # fmt: skip
