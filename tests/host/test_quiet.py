"""Silence ends with the last thread that asked for it."""

import threading
import warnings

import pytest

from host.quiet import no_warnings


def test_threads_that_overlap():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with no_warnings():
            entered.set()
            leave.wait(10)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        thread = threading.Thread(target=other)
        with no_warnings():
            thread.start()
            assert entered.wait(10)
            warnings.warn("unheard", stacklevel=1)
        leave.set()
        thread.join()
        with pytest.raises(UserWarning, match="heard again"):
            warnings.warn("heard again", stacklevel=1)
