"""Command line: ``python -m compiler build MODEL.onnx --board ecp5`` (``onefour build``).

What takes a second to import is imported where an interrupt is already one message.
"""

import sys
from importlib import import_module

from arch.command_line import run_command


def _main(argv: list[str] | None) -> int:
    return import_module("compiler.command").run(argv)


def main(argv: list[str] | None = None) -> int:
    """Run one command; 0, 1 where computations differ, 2 for what the user can put right."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
