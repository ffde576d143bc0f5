"""Write a LiteX SoC for the ULX3S with the accelerator in it.

    python examples/litex/soc.py --machine ecp5_25f --device LFE5U-85F -o build/litex

Writes gateware/, csr.json, and soc.json with what frame.py must know. ``--build`` makes the
bitstream, too, with yosys, nextpnr-ecp5 and ecppack from the PATH.
"""

import argparse
import sys
from pathlib import Path

from arch.command_line import Help, run_command
from arch.files import check_folder
from arch.machine import MACHINES, machine_named
from arch.packages import need
from hw.verilog import generate

DEVICES = ("LFE5U-12F", "LFE5U-25F", "LFE5U-45F", "LFE5U-85F")


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=Help)
    parser.add_argument("--machine", default="tiny", help=f"one of {', '.join(MACHINES)}")
    parser.add_argument("--fabric", default="ecp5", choices=("generic", "ecp5"))
    parser.add_argument("--device", default="LFE5U-85F", choices=DEVICES)
    parser.add_argument("--clock", type=float, default=50e6, help="Hz")
    parser.add_argument("--baud", type=float, default=3e6)
    parser.add_argument("-o", "--output", type=Path, default=Path("build/litex"))
    parser.add_argument("--build", action="store_true", help="run yosys and nextpnr, too")
    options = parser.parse_args(argv)
    need("litex", "litedram", "litex_boards", "migen")
    from ulx3s import Soc, build

    machine = machine_named(options.machine)
    check_folder(options.output)
    verilog = options.output / "accelerator.v"
    verilog.write_text(generate(machine, options.fabric))
    soc = Soc(machine, device=options.device, clock=options.clock, baud=options.baud)
    build(soc, verilog, options.output, gateware=options.build)


if __name__ == "__main__":
    sys.exit(run_command(_main, None))
