"""Child processes of the same Python, with the same modules, wherever they are started."""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
"""The folder of the packages that are running."""
START = """\
import runpy, sys
root, module = sys.argv[1:3]
del sys.argv[1:3]
if root not in sys.path:
    sys.path.insert(0, root)
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def python_command(module: str, arguments: list[str]) -> list[str]:
    """The command that runs a module as ``python -m`` does, but never one of the working directory.

    ``python -m hw.verilog`` would take a folder ``hw/`` of the user's for ours.
    """
    return [sys.executable, "-P", "-c", START, str(ROOT), module, *arguments]
