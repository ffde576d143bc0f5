"""A controller between a source of bursts and a memory at its pins, in simulation."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import verilog

from boards.sdram.controller import Controller
from boards.sdram.litedram import litedram_core
from boards.sdram.part import Part, usual_phase
from hw.yosys import find_yosys
from sim import board
from sim.board.tb_traffic import FIGURES, RESULT
from sim.verilator import Model

MODULE = "sdram_controller"
MODELS = Path(board.__file__).parent
LITEDRAM_PHASE = 2.5
"""Ns by which the memory's clock comes after LiteDRAM's, whose pads take no time: its registers see
a word where t_ac and this are less than a period of 10 ns, and a command where it is not 0."""


@dataclass(frozen=True, kw_only=True)
class Figures:
    """What a run of the source gave; see ``sim/board/traffic.sv``."""

    done: int
    cycles: int
    beats_read: int
    beats_written: int
    differing: int
    sdram_errors: int
    refreshes: int


def controller_verilog(part: Part, beat_bits: int, clock_mhz: float) -> str:
    """The controller alone, its module being ``MODULE``."""
    find_yosys()
    top = Controller(part, beat_bits, clock_mhz)
    return verilog.convert(top, name=MODULE, emit_src=False, strip_internal_attrs=True)


def traffic_model(part: Part, beat_bits: int, clock_mhz: float) -> Model:
    """The model of ``traffic.sv`` for our controller at a clock rate."""
    return _model(
        part, beat_bits, clock_mhz, usual_phase(part, clock_mhz), ("traffic_pads.sv",),
        {"controller.v": controller_verilog(part, beat_bits, clock_mhz)},
        {"SDRAM_CONTROLLER": MODULE},
    )  # fmt: skip


def litedram_model(part: Part, beat_bits: int, clock_mhz: float) -> Model:
    """The same for LiteDRAM in the place of our controller.

    Raises :class:`arch.packages.MissingPackageError` where it is not installed.
    """
    core = litedram_core(part, beat_bits, clock_mhz)
    return _model(
        part, beat_bits, clock_mhz, LITEDRAM_PHASE,
        ("litedram_pads.sv", "cells.v", "litex_cells.v"),
        {"litedram.v": core.verilog}, core.defines,
    )  # fmt: skip


def _model(
    part: Part,
    beat_bits: int,
    clock_mhz: float,
    phase: float,
    pads: tuple[str, ...],
    controller: dict[str, str],
    defines: dict[str, str],
) -> Model:
    return Model(
        "traffic",
        {
            **controller,
            **{name: (MODELS / name).read_text() for name in ("sdram.sv", *pads, "traffic.sv")},
        },
        {
            "BEAT": beat_bits,
            "DQ": part.data_bits,
            "ROW": part.row_bits,
            "COLUMN": part.column_bits,
            "PERIOD_PS": round(1e6 / clock_mhz),
            "PHASE_PS": round(1000 * phase),
        },
        defines,
        visible=("clk", "rst", *FIGURES),
    )


def send(model: Model, folder: Path | None = None, **settings: int) -> Figures:
    """Run the source; ``settings`` are its plusargs."""
    with tempfile.TemporaryDirectory(prefix="onefour-") as scratch:
        place = Path(folder or scratch).absolute()
        result = place / "figures.json"
        model.run(
            "sim.board.tb_traffic",
            place,
            plusargs=settings,
            environment={RESULT: str(result)},
            log_level="WARNING",
            log_file=place / "simulation.log",
        )
        return Figures(**json.loads(result.read_text()))


def share_of_bus(figures: Figures, part: Part, beat_bits: int) -> float:
    """The part of the cycles in which a word moved."""
    beats = figures.beats_read + figures.beats_written
    return beats * (beat_bits // part.data_bits) / figures.cycles


def megabytes(figures: Figures, beat_bits: int, clock_mhz: float) -> float:
    """Million bytes a second."""
    beats = figures.beats_read + figures.beats_written
    return beats * beat_bits / 8 * clock_mhz / figures.cycles
