"""What the command lines of all folders share: how a command ends, help texts, argument types.

Every ``main`` hands its work to :func:`run_command`, so that whatever the user's computer lacks or
refuses ends in one message, never in a traceback.
"""

import argparse
import errno
import math
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from arch.errors import OnefourError
from arch.packages import missing_package
from arch.signals import Stopped, stoppable

MESSAGE, BROKEN_PIPE = 2, 141
"""Exit statuses: after a message about what the user can mend; nobody reads standard output."""
LARGEST_INTEGER = 2**31 - 1
SHOWN = 40
"""Characters of a wrong argument that its message repeats."""


class Help(argparse.ArgumentDefaultsHelpFormatter):
    """Help texts with the defaults that there are: None is not one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        return action.help if action.default is None else super()._get_help_string(action)


def program(command: str, module: str) -> str:
    """What help texts call a program: ``onefour COMMAND`` where it was started so."""
    started = Path(sys.argv[0])
    console = started.stem == "onefour" or started.parent.name == "onefour"
    return f"onefour {command}".strip() if console else f"python -m {module}"


def _shown(text: str) -> str:
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def integer(least: int = 0, most: int = LARGEST_INTEGER) -> Callable[[str], int]:
    """An argparse type: a whole number from ``least`` to ``most``."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"must be a whole number, not {_shown(text)}"
            ) from None
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"must be from {least} to {most}, not {_shown(text)}")
        return value

    return read


def real(least: float, most: float = math.inf, *, above: bool = False) -> Callable[[str], float]:
    """An argparse type: a finite number from ``least`` to ``most``, or ``above`` it."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"must be a number, not {_shown(text)}") from None
        inside = value > least if above else value >= least
        if not (inside and value <= most and math.isfinite(value)):
            limit = f"more than {least:g}" if above else f"{least:g} or more"
            upper = "finite" if math.isinf(most) else f"at most {most:g}"
            raise argparse.ArgumentTypeError(f"must be {limit} and {upper}, not {_shown(text)}")
        return value

    return read


def seeds(text: str) -> list[int]:
    """An argparse type: seeds such as ``1,2,3``, each once."""
    try:
        found = [int(part) for part in text.split(",")]
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"must be numbers like 1,2,3, not {_shown(text)}"
        ) from None
    if any(not 0 <= seed <= LARGEST_INTEGER for seed in found):
        raise argparse.ArgumentTypeError(
            f"must be from 0 to {LARGEST_INTEGER}, and must not be negative: {_shown(text)}"
        )
    if len(set(found)) < len(found):
        raise argparse.ArgumentTypeError(f"names a seed twice: {_shown(text)}")
    return found


def run_command(
    run: Callable[[Any], int | None], arguments: object, prefix: str = "onefour"
) -> int:
    """Return the exit status of ``run(arguments)``; every failure that is not ours is one message.

    0 (or what ``run`` returns) where all went well; the error's own status for an
    :class:`OnefourError`; 2 for a file that cannot be used, a missing package or too little memory;
    128 and the signal's number after Ctrl-C, SIGTERM and SIGHUP, with child processes ended; 141,
    quietly, where nobody reads standard output any more.
    """
    _prepare_streams()
    try:
        with stoppable():
            status = run(arguments) or 0
    except OnefourError as error:
        status = _say(prefix, str(error), error.status)
    except Stopped as error:
        status = _say(prefix, str(error), error.status)
    except KeyboardInterrupt:
        status = _say(prefix, "interrupted", 130)
    except BrokenPipeError:
        status = BROKEN_PIPE
    except OSError as error:
        status = _say(prefix, system_message(error), MESSAGE)
    except ImportError as error:
        status = _say(prefix, missing_package(error), MESSAGE)
    except MemoryError:
        status = _say(prefix, "memory does not suffice; use a smaller network or picture", MESSAGE)
    except SystemExit:
        _flush()
        raise
    unwritten = _flush()
    if isinstance(unwritten, BrokenPipeError):
        return status or BROKEN_PIPE
    if unwritten is not None:
        return status or _say(prefix, f"standard output: {unwritten.strerror}", MESSAGE)
    return status


def system_message(error: OSError) -> str:
    """The path and the reason of what the operating system refused."""
    reason = error.strerror or str(error) or type(error).__name__
    paths = [
        os.fsdecode(name)
        for name in (error.filename, error.filename2)
        if isinstance(name, str | bytes | os.PathLike)
    ]
    if not paths and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG):
        # Files that a command names are written by `arch.files`, which would have named them.
        paths = ["standard output or a temporary file"]
    return ": ".join([" -> ".join(path or "''" for path in paths), reason] if paths else [reason])


def _say(prefix: str, message: str, status: int) -> int:
    """Print a message to standard error, where there is one."""
    with suppress(OSError):  # nobody reads it: the exit status says enough
        print(f"{prefix}: {message}", file=sys.stderr, flush=True)
    return status


def _prepare_streams() -> None:
    """Give the process streams that take every character; closed ones take all and keep nothing."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def _flush() -> OSError | None:
    """Write what is buffered; where that fails, drop it, so that Python does not try again."""
    failed = None
    for stream in (sys.stderr, sys.stdout):
        try:
            stream.flush()
        except OSError as error:
            failed = error
            with Path(os.devnull).open("w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())
    return failed
