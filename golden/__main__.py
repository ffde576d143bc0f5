"""Command line: ``python -m golden run BUILD --image X.jpg`` (``onefour golden run``).

A frame of a build without RTL, in seconds; ``score``, average precision on labelled pictures. What
runs is :mod:`compiler.check.command` and :mod:`quant.scoring.command`: they need folders that stand
after this one, and are called by name.
"""

import sys
from importlib import import_module

from arch.command_line import run_command


def _main(argv: list[str] | None) -> int:
    argv = sys.argv[1:] if argv is None else argv
    if argv[:1] == ["score"]:
        return import_module("quant.scoring.command").run(argv[1:])
    return import_module("compiler.check.command").run(argv)


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0, 1 where computations differ, 2 for what the user can put right."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
