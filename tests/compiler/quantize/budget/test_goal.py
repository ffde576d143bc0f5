"""What a frame may cost, as it is typed."""

import argparse

import pytest

from compiler.quantize.budget.goal import goal

GOALS = [
    ("30fps", 100e6 / 30, False),
    ("2.5Mcycles", 2.5e6, False),
    ("40kcycles", 40e3, False),
    ("1234cycles", 1234, False),
    (" 900KB ", 900e3, True),
    (".5MB", 500e3, True),
]


@pytest.mark.parametrize(("text", "most", "is_bytes"), GOALS)
def test_most(text, most, is_bytes):
    found = goal(text)
    assert found.most(100.0) == pytest.approx(most)
    assert found.is_bytes == is_bytes


@pytest.mark.parametrize("text", ["", "30", "fps", "0fps", "-3fps", "3kfps", "1e3cycles", "w8a8"])
def test_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="such as 30fps, 2.5Mcycles or 900KB"):
        goal(text)


def test_told_in_its_own_unit():
    assert goal("30fps").told(2_000_000, 100.0) == "50.0 frames/s, 2000000 cycles"
    assert goal("2Mcycles").told(1500, 100.0) == "1500 cycles"
    assert goal("2KB").told(1500, 100.0) == "1500 bytes"
