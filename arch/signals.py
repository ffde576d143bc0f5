"""Signals that end a command become exceptions, and its child processes end with it."""

import ctypes
import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

STOPPING = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "terminated: the terminal is gone",
}
DEAF_SECONDS = 5.0
"""After a signal another one changes nothing for so long: it would disturb the clean-up."""
GRACE_SECONDS = 2.0
"""What a child process has to clean up after SIGTERM; then it is killed."""
POLL_SECONDS = 0.02
ADOPT_ORPHANS = 36
"""Linux' PR_SET_CHILD_SUBREAPER: processes whose parent has ended become ours, not init's."""


class Stopped(KeyboardInterrupt):
    """A signal that ends the command; ``status`` is the shell's exit status for it."""

    def __init__(self, number: int):
        super().__init__(STOPPING[signal.Signals(number)])
        self.status = 128 + number


def descendants() -> set[int]:
    """Process numbers of this process' children, their children and so on (Linux only)."""
    parents: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError, IndexError):
            # The name in brackets may hold anything; the parent is the second field behind it.
            parent = int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
            parents.setdefault(parent, []).append(int(path.parent.name))
    found: set[int] = set()
    waiting = [os.getpid()]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found.update(children)
        waiting += children
    return found


def _running(process: int) -> bool:
    with suppress(ChildProcessError):
        return os.waitpid(process, os.WNOHANG) == (0, 0)
    try:
        state = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return False
    return state[:1] != ["Z"]


def end_children(kept: set[int] = frozenset()) -> None:
    """End every child process and its children, but for those in ``kept``."""
    deadline = time.monotonic() + GRACE_SECONDS
    told: set[int] = set()
    while left := {process for process in descendants() - kept if _running(process)}:
        late = time.monotonic() > deadline
        for process in left if late else left - told:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL if late else signal.SIGTERM)
        told |= left
        if time.monotonic() > deadline + GRACE_SECONDS:
            return
        time.sleep(POLL_SECONDS)


@contextmanager
def ending_children() -> Iterator[None]:
    """End the child processes that were started in here, if it is left by an exception."""
    kept = descendants()
    _adopt_orphans()
    try:
        yield
    except BaseException:
        end_children(kept)
        raise


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise :class:`Stopped` in here at SIGINT, SIGTERM and SIGHUP, and end child processes then.

    Signals that were ignored before (``nohup``) stay so. Outside the main thread nothing changes.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    last = -DEAF_SECONDS

    def stop(number: int, _frame: object) -> None:
        nonlocal last
        before, last = last, time.monotonic()
        if last - before > DEAF_SECONDS:
            raise Stopped(number)
        last = before

    kept = descendants()
    _adopt_orphans()
    saved = {number: signal.getsignal(number) for number in STOPPING}
    for number, handler in saved.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt:
        end_children(kept)
        # Of half-made things (Amaranth's components) that go away now.
        warnings.simplefilter("ignore")
        raise
    finally:
        for number, handler in saved.items():
            # None: a handler that is not Python's, which cannot be put back.
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _adopt_orphans() -> None:
    """Let :func:`end_children` reach the children of children that have ended; Linux only."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(ADOPT_ORPHANS, 1, 0, 0, 0)
