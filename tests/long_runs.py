"""Cases of a test that only long runs take (mark ``slow``), beside the usual ones."""

import pytest


def slow(*values: object) -> list:
    """Parameters for long runs; of tests with several parameters, tuples of their values."""
    return [
        pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.slow)
        for value in values
    ]
