"""A board design in simulation, at its pins."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from boards.design import TOP, Design, design_sources
from boards.sdram.part import USUAL_DELAY
from hw.verilog import generate
from sim import board
from sim.board.transport import SimulatedBoard, simulated_board
from sim.verilator import Model

MODELS = Path(board.__file__).parent
BAUD = 12e6
"""Of the simulated line: four times what an FT231X can do, for time on it costs most."""
SILENCE_SECONDS = 100e-6
"""Instead of 20 ms: no operating system is in between."""
VISIBLE = (
    "give", "bytes", "given", "want", "wanted", "patience", "enough", "answer", "taken", "button",
    "load", "dump", "dump_first", "dump_last", "sdram_errors", "led",
)  # fmt: skip


def for_simulation(design: Design) -> Design:
    """The design with a faster line and less patience; all else as in the bitstream."""
    silence = round(SILENCE_SECONDS * design.pll.clock_mhz * 1e6)
    return replace(design, baud=BAUD, silence=silence)


def start_seconds(design: Design) -> float:
    """From power-up to a memory that is ready, generously."""
    return 1.5e-9 * design.board.memory.t_init


def _connections(design: Design) -> str:
    """The design's ports at the names of ``board.sv``."""
    platform = design.board.platform
    pins = {
        f"{platform.default_clk}_0": "oscillator",
        "uart_0__rx": "rx",
        "uart_0__tx": "tx",
        **{f"sdram_0__{port}": net for port, net in {
            "clk": "clk", "clk_en": "cke", "cs": "cs_n", "ras": "ras_n", "cas": "cas_n",
            "we": "we_n", "ba": "ba", "a": "a", "dqm": "dqm", "dq": "dq",
        }.items()},
    }  # fmt: skip
    led, number = design.board.led
    pins[f"{led}_{number}" + ("__r" if led.startswith("rgb") else "")] = "led"
    if design.board.reset is not None:
        name, number = design.board.reset
        pins[f"{name}_{number}"] = "button"
    return ", ".join(f".{port}__io({net})" for port, net in pins.items())


def board_model(design: Design, accelerator: str | None = None, *, waves: bool = False) -> Model:
    """The model of a design; ``accelerator`` is its machine's Verilog in the generic fabric."""
    sources = design_sources(design)
    files = {"accelerator.v": accelerator or generate(design.machine), "top.v": sources.verilog}
    return model_of(design, files, waves=waves)


def model_of(design: Design, files: Mapping[str, str], *, waves: bool = False) -> Model:
    """The model of a board with other Verilog of its design; ``TOP`` has the design's ports."""
    return Model(
        "board",
        {
            **files,
            **{name: (MODELS / name).read_text() for name in
               ("cells.v", "sdram.sv", "line_host.sv", "board.sv")},
        },
        {
            "INPUT_KHZ": round(design.input_mhz * 1000),
            "DQ": design.board.memory.data_bits,
            "ROW": design.board.memory.row_bits,
            "COLUMN": design.board.memory.column_bits,
        },
        {
            "BOARD_DESIGN": TOP,
            "BOARD_PINS": _connections(design),
            "BIT_NS": f"{1e9 / design.line_baud:.6f}",
        },
        visible=VISIBLE,
        apart=("processing_element_*",),
        waves=waves,
    )  # fmt: skip


@contextmanager
def simulated(
    design: Design,
    model: Model,
    *,
    delay_ns: float = USUAL_DELAY,
    phase_ns: float | None = None,
    folder: Path | None = None,
) -> Iterator[SimulatedBoard]:
    """The board, running; ``delay_ns`` is what pads and wires take, out and in together.

    All of it is on the way in: seen from the design it is the same. ``phase_ns`` is for the
    memory's clock, instead of the design's: one model serves for all.
    """
    part = design.board.memory
    settings = {
        "t_ac": round(1000 * part.t_ac),
        "t_oh": round(1000 * part.t_oh),
        "read_delay": round(1000 * delay_ns),
    }
    if phase_ns is not None:
        settings["memory_phase"] = round(1000 * phase_ns)
    silence = design.silent_cycles / design.pll.clock_mhz * 1e-6
    with simulated_board(
        model, baud=design.line_baud, silence=silence, word=part.data_bits // 8,
        settings=settings, folder=folder,
    ) as line:  # fmt: skip
        yield line
