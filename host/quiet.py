"""Silence of Python's warnings that several threads may ask for at once."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_lock = threading.Lock()
_silences: list[warnings.catch_warnings] = []
_threads = 0


@contextmanager
def no_warnings() -> Iterator[None]:
    """Ignore warnings until the last thread has left.

    ``warnings.catch_warnings`` alone would leave them ignored for ever, where a thread enters
    before and leaves after another one.
    """
    global _threads
    with _lock:
        _threads += 1
        if _threads == 1:
            _silences.append(warnings.catch_warnings())
            _silences[0].__enter__()
            warnings.simplefilter("ignore")
    try:
        yield
    finally:
        with _lock:
            _threads -= 1
            if not _threads:
                _silences.pop().__exit__(None, None, None)
