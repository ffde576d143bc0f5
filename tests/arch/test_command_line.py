"""How a command ends, whatever goes wrong; help texts; argument types."""

import argparse
import io
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from arch.command_line import Help, integer, real, run_command, seeds
from arch.errors import OnefourError


def test_defaults_are_shown_where_there_are_any():
    parser = argparse.ArgumentParser(formatter_class=Help)
    parser.add_argument("--seed", type=int, default=1, help="of the dice")
    parser.add_argument("--out", help="folder")
    text = parser.format_help()
    assert "of the dice (default: 1)" in text
    assert "None" not in text


def raising(error):
    def run(_arguments):
        raise error

    return run


class WorseError(OnefourError):
    status = 1


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (OnefourError("the model is odd"), 2, "the model is odd"),
        (WorseError("codes differ"), 1, "codes differ"),
        (FileNotFoundError(2, "No such file or directory", "a/b"), 2,
         "a/b: No such file or directory"),
        (OSError(28, "No space left on device"), 2,
         "standard output or a temporary file: No space left on device"),
        (OSError(36, "File name too long", "a", None, "b"), 2, "a -> b: File name too long"),
        (ModuleNotFoundError("No module named 'cocotbext.axi'", name="cocotbext.axi"), 2,
         "this needs the package cocotbext-axi; run: pip install 'onefour[sim]' (in a checkout: "
         "pip install '.[sim]')"),
        (ModuleNotFoundError("No module named 'onnx'", name="onnx"), 2,
         "this needs the package onnx; run: pip install 'onefour' (in a checkout: pip install "
         "'.')"),
        (ImportError("libgone.so:\n no", name="torch"), 2,
         "the package torch is installed and cannot be imported (libgone.so: no); install it "
         "again"),
        (MemoryError(), 2, "memory does not suffice; use a smaller network or picture"),
        (KeyboardInterrupt(), 130, "interrupted"),
    ],
)  # fmt: skip
def test_failures_end_in_one_message(capsys, error, status, text):
    assert run_command(raising(error), None) == status
    assert capsys.readouterr().err == f"onefour: {text}\n"


def test_success_and_other_statuses(capsys):
    assert run_command(lambda _: None, None) == 0
    assert run_command(lambda given: given, 3) == 3
    assert run_command(raising(BrokenPipeError()), None) == 141
    with pytest.raises(SystemExit):
        run_command(raising(SystemExit(2)), None)
    with pytest.raises(KeyError):  # a mistake of ours
        run_command(raising(KeyError(8)), None)
    assert capsys.readouterr() == ("", "")


def test_output_that_cannot_show_a_character(monkeypatch):
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    assert run_command(lambda _: print("größe \udcff"), None) == 0
    assert written.getvalue() == b"gr\\xf6\\xdfe \\udcff\n"


def program(code: str, **options) -> subprocess.Popen:
    """Python that runs ``run(None)`` of some code as a command."""
    text = f"{code}\nimport sys\nfrom arch.command_line import run_command\n"
    text += "sys.exit(run_command(run, None))"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
    return subprocess.Popen([sys.executable, "-c", text], text=True, **pipes)


def test_standard_output_on_a_full_disk():
    if not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full")
    for lines in (1, 10_000):
        with open("/dev/full", "w") as full:  # noqa: PTH123
            process = program(f"def run(_): [print('x' * 50) for _ in range({lines})]", stdout=full)
        message = process.communicate()[1]
        assert message.startswith("onefour: standard output")
        assert message.endswith(": No space left on device\n")
        assert process.returncode == 2


def test_a_closed_pipe_is_no_message():
    process = program("def run(_): [print('x' * 50) for _ in range(100_000)]")
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == ""
    assert process.wait() == 141


def test_closed_streams():
    closing = {"preexec_fn": lambda: (os.close(1), os.close(2))}
    process = program("def run(_): print('x')", stdout=None, stderr=None, **closing)
    assert process.wait() == 0


CHILDREN = """
import json, subprocess, sys, tempfile, time
def run(_):
    with tempfile.TemporaryDirectory() as folder:
        # A child with a child of its own that outlives it.
        code = "import subprocess; print(subprocess.Popen(['sleep', '60']).pid, flush=True)"
        child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        stubborn += "print(1, flush=True); time.sleep(60)"
        other = subprocess.Popen(
            [sys.executable, "-c", stubborn], stdout=subprocess.PIPE, text=True)
        other.stdout.readline()
        print(json.dumps([folder, int(child.stdout.readline()), other.pid]), flush=True)
        time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "status", "text"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "terminated: the terminal is gone"),
    ],
)
def test_signals_clean_up_and_end_child_processes(number, status, text):
    # What nohup and the like have made deaf to a signal stays so, and so do its children.
    inherited = signal.signal(number, signal.SIG_DFL)
    process = program(CHILDREN)
    signal.signal(number, inherited)
    folder, *children = json.loads(process.stdout.readline())
    process.send_signal(number)
    time.sleep(0.2)
    process.send_signal(number)  # a second one does not disturb the clean-up
    assert process.communicate(timeout=30)[1] == f"onefour: {text}\n"
    assert process.returncode == status
    assert not os.path.exists(folder)  # noqa: PTH110
    for child in children:
        with pytest.raises(ProcessLookupError):
            os.kill(child, 0)


def accepted(kind, text: str) -> object:
    try:
        return kind(text)
    except argparse.ArgumentTypeError as error:
        return str(error)


def test_numbers_of_the_command_line():
    assert accepted(integer(1, 9), "9") == 9
    assert accepted(integer(1, 9), "10") == "must be from 1 to 9, not '10'"
    assert accepted(integer(), "x") == "must be a whole number, not 'x'"
    assert accepted(integer(), "9" * 5000).endswith("999...'")
    assert accepted(real(0, 1), "1") == 1.0
    assert accepted(real(0, 1), "1.1") == "must be 0 or more and at most 1, not '1.1'"
    for text in ("nan", "inf", "-inf", "1e999", "0"):
        found = accepted(real(0, above=True), text)
        assert found == f"must be more than 0 and finite, not {text!r}"
    assert accepted(seeds, "3,1") == [3, 1]
    assert accepted(seeds, "x") == "must be numbers like 1,2,3, not 'x'"
    assert accepted(seeds, "1,-2").endswith("must not be negative: '1,-2'")
    assert accepted(seeds, "1,1") == "names a seed twice: '1,1'"
