"""What a survey finds of each file: the record that keeps it, and the table that shows it."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from arch.errors import OnefourError
from arch.files import FileError, read_text, write_whole

TOOLS = ("onnx", "onnxruntime", "numpy")


@dataclass
class Frame:
    """What a frame of a network takes on one target, or why it cannot be."""

    target: str
    refused: str = ""
    #: Where network, program and file do not compute the same: a defect, not of the file.
    differs: str = ""
    program_bytes: int = 0
    cycles: int = 0
    #: Share of the array's bit products in these cycles that the network asks for.
    useful: float = 0.0
    dram_bytes: int = 0
    frames_per_second: float | None = None
    #: Codes and sums that network and program were compared in, and found equal; 0: they were not.
    codes_compared: int = 0


@dataclass
class Row:
    """A file: what it is, what of it runs where, and its frames."""

    file: str
    sha256: str = ""
    kind: str = ""
    #: Operators of the file that the array computes, and kind -> number of those the host does.
    on_array: int = 0
    on_host: dict[str, int] = field(default_factory=dict)
    #: Of these the ones of each piece in mid-network, and those that begin the tail before the last
    #: convolutions, because the array has no such.
    pieces: list[dict[str, int]] = field(default_factory=list)
    foreign: dict[str, int] = field(default_factory=dict)
    refused: str = ""
    frames: list[Frame] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(frozen=True)
class Settings:
    """All that a row depends on beside its file: rows of unlike ones do not belong together."""

    quantize: str | None
    targets: list[str]
    size: list[int] | None
    input_scale: float
    compared: bool


def write_record(path: Path, settings: Settings, rows: list[Row]) -> None:
    """Write a record whole. Raises :class:`FileError`."""
    content = {
        "tools": {tool: version(tool) for tool in TOOLS},
        **asdict(settings),
        "files": [asdict(row) for row in rows],
    }
    write_whole(path, json.dumps(content, indent=1) + "\n")


def rows_of(record: dict) -> list[Row]:
    """The rows of a parsed record; KeyError or TypeError for what is none."""
    return [
        Row(**{**row, "frames": [Frame(**frame) for frame in row["frames"]]})
        for row in record["files"]
    ]


def read_record(path: Path, settings: Settings) -> list[Row]:
    """The rows of a record, if it was made with these settings; none if there is no file.

    Raises :class:`FileError` for other settings and for what is no such record.
    """
    if not path.exists():
        return []
    try:
        content = json.loads(read_text(path))
        found = {name: content[name] for name in asdict(settings)}
        rows = rows_of(content)
    except (ValueError, KeyError, TypeError):
        raise FileError(
            f"{path}: is no record of a survey that can be gone on with; name another with "
            "--record, or leave --resume out to write it anew"
        ) from None
    for name, value in asdict(settings).items():
        if found[name] != value:
            raise OnefourError(
                f"{path}: was recorded with {name} {found[name]}, and now {value} is asked for; "
                "give the same options, or name another record"
            )
    return rows


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{op} x {count}" if count > 1 else op for op, count in counts.items())


def table(rows: list[Row]) -> Iterator[str]:
    """Markdown: a line for each file and target; then what is refused, and what the host does."""
    yield (
        "| file | operators on the array | on the host | target | program KB | million cycles | "
        "useful | DRAM MB | frames/s | codes compared, differing |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for row in rows:
        name = f"{row.file} | {row.on_array} | {sum(row.on_host.values())}"
        for frame in row.frames:
            if frame.refused or frame.differs:
                what = "refused" if frame.refused else "**differs**"
                yield f"| {name} | {frame.target} | {what}, see below | | | | | |"
                continue
            rate = "" if frame.frames_per_second is None else f"{frame.frames_per_second:g}"
            compared = f"{frame.codes_compared:,}, 0" if frame.codes_compared else ""
            yield (
                f"| {name} | {frame.target} | {frame.program_bytes / 1000:,.0f} | "
                f"{frame.cycles / 1e6:.3f} | {frame.useful:.1%} | {frame.dram_bytes / 1e6:.2f} | "
                f"{rate} | {compared} |"
            )
        if row.refused:
            yield f"| {row.file} | | | all | refused, see below | | | | | |"
    yield ""
    for row in rows:
        yield from _notes(row)


def _notes(row: Row) -> Iterator[str]:
    """What runs where and why, and what is refused why."""
    if row.on_host:
        reason = f"; the array does not have {_listed(row.foreign)}" if row.foreign else ""
        inner = "".join(f"; a piece in mid-network of {_listed(own)}" for own in row.pieces)
        yield (
            f"* {row.file}: {row.on_array} operators on the array; on the host, behind the "
            f"heads or in pieces, {_listed(row.on_host)}{inner}{reason}"
        )
    elif row.on_array:
        yield f"* {row.file}: all of {row.on_array} operators on the array"
    told = (each.refused or each.differs for each in row.frames)
    for reason in dict.fromkeys([row.refused, *told]):
        if reason:
            yield f"* {row.file}: {reason}"
