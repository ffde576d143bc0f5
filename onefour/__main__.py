"""One program for all: ``onefour build``, ``onefour sim run``, ``onefour boards synth``, ...

Each command is handed to the ``main`` of its folder, which is imported only then: the list of
commands is there whatever is installed, and nothing here stands above or below another folder.
"""

import os
import signal
import sys
from importlib import import_module

from onefour.packages import ROOT, conflict

#: Command: module, arguments put before the user's, what it does.
COMMANDS = {
    "build": ("compiler.__main__", ["build"], "ONNX file to build folder: program and Verilog"),
    "quantize": ("compiler.__main__", ["quantize"], "float ONNX file to a quantised one"),
    "explain": ("compiler.__main__", ["explain"], "what a file is, all that it becomes or lacks"),
    "disassemble": ("compiler.__main__", ["disassemble"], "list the instructions of a build"),
    "golden": ("golden.__main__", [], "run a build's program on the golden model"),
    "sim": ("sim.__main__", [], "simulate a frame of a build in RTL, compared with golden"),
    "boards": ("boards.__main__", [], "synthesise, place and route a machine; measured figures"),
    "quant": ("quant.__main__", [], "train, score and export low-bit networks"),
    "verilog": ("hw.verilog", [], "write a machine as Verilog"),
}
REPEATED = {"boards", "verilog"}
"""Commands that write Verilog: its names come from sets, equal in every run with a fixed seed."""
START = """\
import sys
sys.argv[0] = "onefour"
if {root!r} not in sys.path:
    sys.path.insert(0, {root!r})
from onefour.__main__ import main
sys.exit(main())
"""
USAGE = "usage: onefour COMMAND ...   (onefour COMMAND --help says more)"


def usage() -> str:
    """The list of commands."""
    lines = [f"  {name:<12} {text}" for name, (_, _, text) in COMMANDS.items()]
    return "\n".join([USAGE, "", "Low-bit YOLO networks on small FPGAs.", "", *lines])


def _dispatch(argv: list[str]) -> int:
    from arch.command_line import MESSAGE

    name, *rest = argv or [""]
    if name in ("-h", "--help", "help"):
        print(usage())
        return 0
    if name not in COMMANDS:
        if name == "--version":
            from importlib.metadata import version

            print(f"onefour {version('onefour')}")
            return 0
        told = f"there is no command {name!r}" if name else "name a command"
        print(f"{usage()}\nonefour: {told}", file=sys.stderr)
        return MESSAGE
    module, before, _ = COMMANDS[name]
    return import_module(module).main([*before, *rest])


def main(argv: list[str] | None = None) -> int:
    """Run a command and return its exit status."""
    found = conflict()
    if found:
        print(f"onefour: {found}", file=sys.stderr)
        return 2
    from arch.command_line import run_command

    return run_command(_dispatch, sys.argv[1:] if argv is None else argv)


def script() -> int:
    """What the installed program does; where the text of Verilog counts, in a fresh Python."""
    # Ctrl-C before `run_command` takes over: no traceback of the imports until then.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:2] and sys.argv[1] in REPEATED and os.environ.get("PYTHONHASHSEED") != "0":
        os.environ["PYTHONHASHSEED"] = "0"
        # Not `-m onefour`, which would put the working directory first on the path of imports.
        command = [sys.executable, "-P", "-c", START.format(root=str(ROOT)), *sys.argv[1:]]
        os.execv(sys.executable, command)
    return main()


if __name__ == "__main__":
    sys.exit(script())
