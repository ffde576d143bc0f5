"""Write a LiteX SoC for a board with the accelerator in it.

    python examples/litex/soc.py --board ulx3s --machine ecp5_25f --device LFE5U-85F -o build/litex

Writes gateware/, csr.json, and soc.json with what frame.py must know. ``--build`` makes the
bitstream, too: gateware/soc.bit, and gateware/gateware.json about it.
"""

import argparse
import sys
from pathlib import Path

from targets import TARGETS

from arch.command_line import Help, integer, run_command
from arch.errors import OnefourError
from arch.files import check_folder
from arch.machine import MACHINES, machine_named
from arch.packages import need
from boards.devices import device_named
from boards.toolchain import check_tools
from hw.verilog import generate


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], formatter_class=Help)
    parser.add_argument("--board", default="ulx3s", choices=TARGETS)
    parser.add_argument("--machine", default="tiny", help=f"one of {', '.join(MACHINES)}")
    parser.add_argument("--fabric", default="ecp5", choices=("generic", "ecp5"))
    parser.add_argument("--device", help="default: the largest that the board is made with")
    parser.add_argument("--clock", type=float, help="Hz (default: 50e6 with SDRAM, 75e6 with DDR3)")
    parser.add_argument("--baud", type=float, help="of the line (default: 3e6)")
    parser.add_argument("-o", "--output", type=Path, default=Path("build/litex"))
    parser.add_argument("--build", action="store_true", help="make the bitstream, too")
    parser.add_argument("--seed", type=integer(), default=1, help="of placement and routing")
    options = parser.parse_args(argv)
    need("litex", "litedram", "liteeth", "litex_boards", "migen")
    if options.build:
        check_tools()
    from gateware import make_gateware
    from socs import Soc, write

    machine, target = machine_named(options.machine), TARGETS[options.board]
    device = options.device or [*target.devices][-1]
    if device not in target.devices:
        raise OnefourError(
            f"{target.title} is not made with {device!r}; --device: {', '.join(target.devices)}"
        )
    check_folder(options.output)
    verilog = options.output / "accelerator.v"
    verilog.write_text(generate(machine, options.fabric))
    soc = Soc.of(
        options.board, machine, device=device,
        clock=options.clock or target.clock, baud=options.baud or target.baud,
    )  # fmt: skip
    gateware = write(soc, verilog, options.output)
    if options.build:
        made = make_gateware(
            soc, verilog, gateware, device=device_named(device), seed=options.seed
        )  # fmt: skip
        print(made.table())


if __name__ == "__main__":
    sys.exit(run_command(_main, None))
