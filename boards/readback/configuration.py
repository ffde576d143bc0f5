"""The textual configuration of an ECP5, which ecppack packs and ecpunpack finds in a bitstream."""

import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from arch.files import read_text
from boards.toolchain import ToolError

PLACE = re.compile(r"R(\d+)C(\d+)")
"""Row and column in a tile's name."""


@dataclass
class Configuration:
    """Of a whole chip. Tiles are named by row and column; several may be in one place."""

    device: str
    package: str
    #: (row, column, sink, source) of every switch that is on; names as the tile has them.
    arcs: list[tuple[int, int, str, str]] = field(default_factory=list)
    #: Settings by place and name; words are of 0 and 1, the highest bit first.
    settings: dict[tuple[int, int], dict[str, str]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    #: Places of blocks that more than one tile makes: that of their first tile.
    groups: dict[tuple[int, int], dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    #: Whether a block RAM starts with anything but 0.
    memory_is_set: bool = False


def parse_configuration(text: str, path: str = "configuration") -> Configuration:
    """Read what nextpnr-ecp5 writes with ``--textcfg``, or ecpunpack; :class:`ToolError`."""
    device, package, block = "", "", None
    made = Configuration(device, package)
    place, target = (0, 0), {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        match words[0]:
            case ".device":
                made.device = words[1]
            case ".comment":
                if words[1] == "Part:":
                    made.package = words[2].rsplit("-", 1)[1].lstrip("0123456789")
            case ".tile" | ".tile_group":
                row, column = map(int, PLACE.search(words[1]).groups())
                place, block = (row, column), words[0]
                target = (made.settings if block == ".tile" else made.groups)[place]
            case ".bram_init" | ".sysconfig":
                block = words[0]
            case "arc:":
                made.arcs.append((*place, words[1], words[2]))
            case "enum:" | "word:":
                target[words[1]] = words[2]
            case "unknown:":
                pass
            case _:
                if block != ".bram_init":
                    raise ToolError(f"{path}, line {number}: {line!r} is no configuration")
                made.memory_is_set |= bool(line.strip("0 "))
    if not made.device:
        raise ToolError(f"{path}: names no device; is it what nextpnr-ecp5 --textcfg writes?")
    return made


def read_configuration(path: Path) -> Configuration:
    """Read a file; :class:`ToolError` or OnefourError where it is none."""
    return parse_configuration(read_text(path), str(path))
