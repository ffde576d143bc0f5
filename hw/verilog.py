"""Writes a machine as Verilog.

    python -m hw.verilog --machine tiny --fabric generic -o accelerator.v

The text of a machine is the same in every run and on every computer with the same versions of
Amaranth and yosys; set ``PYTHONHASHSEED=0`` for that. It names no files."""

import argparse
import gc
import sys
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from amaranth.back import rtlil

from arch.command_line import Help, program, run_command
from arch.files import check_folder, check_target, read_text, write_whole
from arch.machine import MACHINES, Machine, machine_named
from hw.fabric import FABRICS
from hw.top import Accelerator
from hw.written_once import WrittenOnce
from hw.yosys import to_verilog


def generate(machine: Machine, fabric: str = "generic") -> str:
    """Return the Verilog of a machine, its outermost module being ``accelerator``."""
    top, once = Accelerator(machine, fabric), WrittenOnce()
    # Millions of objects that all live to the end: looking for garbage among them takes more than
    # half of the time (ecp5_85f: 21 s, and 9 s without).
    collecting = gc.isenabled()
    gc.disable()
    try:
        whole = rtlil.convert(top, name="accelerator", platform=once, emit_src=False)
        text = once.modules() + whole
    finally:
        if collecting:
            gc.enable()
    return f"// onefour: machine {machine.name}, fabric {fabric}\n{to_verilog(text)}"


def source_digest() -> str:
    """A name for everything that the text depends on: our sources and Amaranth's version."""
    digest = sha256(version("amaranth").encode())
    root = Path(__file__).resolve().parent.parent
    for path in sorted([*(root / "arch").rglob("*.py"), *(root / "hw").rglob("*.py")]):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cached(machine: Machine, fabric: str, folder: Path) -> str:
    """:func:`generate`, kept in ``folder``: a large machine takes ten seconds to write."""
    path = folder / f"{machine.name}-{fabric}-{source_digest()}.v"
    if path.exists():
        return read_text(path)
    check_folder(folder)
    text = generate(machine, fabric)
    write_whole(path, text)
    return text


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=program("verilog", "hw.verilog"),
        description=__doc__.splitlines()[0],
        formatter_class=Help,
    )
    parser.add_argument("--machine", default="tiny", help=f"one of {', '.join(MACHINES)}")
    parser.add_argument("--fabric", default="generic", choices=FABRICS)
    parser.add_argument("-o", "--output", type=Path, default=Path("accelerator.v"))
    parser.add_argument("--cache", type=Path, help="folder to keep the text in, and to look in")
    return parser


def _main(argv: list[str] | None) -> None:
    options = _parser().parse_args(argv)
    machine = machine_named(options.machine)
    check_target(options.output)
    if options.cache:
        text = cached(machine, options.fabric, options.cache)
    else:
        text = generate(machine, options.fabric)
    write_whole(options.output, text)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 with one message when the user can mend it."""
    return run_command(_main, arguments)


if __name__ == "__main__":
    sys.exit(main())
