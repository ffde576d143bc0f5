"""The controller between a source of bursts and a memory at its pins, in simulation."""

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from amaranth.back import verilog

from boards.sdram.controller import Controller
from boards.sdram.part import Part, usual_phase
from hw.yosys import find_yosys
from sim import board
from sim.board.tb_traffic import FIGURES, RESULT
from sim.verilator import Model

MODULE = "sdram_controller"
MODELS = Path(board.__file__).parent


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
    """The model of ``traffic.sv`` for a controller at a clock rate."""
    return Model(
        "traffic",
        {
            "controller.v": controller_verilog(part, beat_bits, clock_mhz),
            "sdram.sv": (MODELS / "sdram.sv").read_text(),
            "traffic.sv": (MODELS / "traffic.sv").read_text(),
        },
        {
            "BEAT": beat_bits,
            "DQ": part.data_bits,
            "ROW": part.row_bits,
            "COLUMN": part.column_bits,
            "PERIOD_PS": round(1e6 / clock_mhz),
            "PHASE_PS": round(1000 * usual_phase(part, clock_mhz)),
        },
        {"SDRAM_CONTROLLER": MODULE},
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
