"""The SoC between its pins: PLL and pads, an SDRAM that checks its times, a serial line."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sim import board
from sim.board.transport import SimulatedBoard, simulated_board
from sim.verilator import Model

MODELS = Path(board.__file__).parent
INPUT_KHZ = 25_000
WORD = 2
"""Bytes of the memory."""
PINS = {
    "clk25": "oscillator", "rst": "button", "serial_rx": "rx", "serial_tx": "tx",
    "wifi_gpio0": "led", "sdram_clock": "clk", "sdram_cke": "cke", "sdram_cs_n": "cs_n",
    "sdram_ras_n": "ras_n", "sdram_cas_n": "cas_n", "sdram_we_n": "we_n", "sdram_ba": "ba",
    "sdram_a": "a", "sdram_dm": "dqm", "sdram_dq": "dq",
}  # fmt: skip
"""The SoC's ports, and what they are at in ``sim/board/board.sv``."""
READ_DELAY_NS = 6
"""Of pads and wires, out and in together."""
LOCK_SECONDS = 10e-6
"""From power-up until the PLL runs and the SoC's reset is over."""
VISIBLE = (
    "give", "bytes", "given", "want", "wanted", "patience", "enough", "answer", "taken", "button",
    "load", "dump", "dump_first", "dump_last", "sdram_errors", "led",
)  # fmt: skip


def soc_verilog(folder: Path) -> str:
    """The SoC as a simulator wants it.

    LiteX declares pads that go both ways, which are for cells it knows nothing of, as inputs.
    """
    text = (folder / "gateware" / "soc.v").read_text()
    return re.sub(r"input  wire( *\[15:0\] sdram_dq\b)", r"inout  wire\1", text)


def soc_model(folder: Path, soc: dict) -> Model:
    """The model of what ``soc.py`` wrote to ``folder``."""
    names = ("cells.v", "litex_cells.v", "sdram.sv", "line_host.sv", "board.sv")
    return Model(
        "board",
        {
            "accelerator.v": (folder / "accelerator.v").read_text(),
            "soc.v": soc_verilog(folder),
            **{name: (MODELS / name).read_text() for name in names},
        },
        {"INPUT_KHZ": INPUT_KHZ, "DQ": 8 * WORD, "ROW": 13, "COLUMN": 9},
        {
            "BOARD_DESIGN": "soc",
            "BOARD_PINS": ", ".join(f".{port}({net})" for port, net in PINS.items()),
            "BIT_NS": f"{1e9 / soc['baud']:.6f}",
        },
        visible=VISIBLE,
        apart=("processing_element_*",),
    )


@contextmanager
def simulated_soc(folder: Path, soc: dict) -> Iterator[SimulatedBoard]:
    """The SoC, running; what it says is in ``folder / "simulation.log"``."""
    model = soc_model(folder, soc)
    settings = {"read_delay": 1000 * READ_DELAY_NS}
    with simulated_board(
        model, baud=soc["baud"], silence=0.0, word=WORD, settings=settings, folder=folder
    ) as line:  # fmt: skip
        line.wait(LOCK_SECONDS)
        yield line
