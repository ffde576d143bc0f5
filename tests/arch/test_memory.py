"""Memories: their figures, what they make of bursts, and the page that lists them."""

from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path

import pytest

from arch.errors import ConfigurationError
from arch.memory import DDR3_16, IDEAL, MEMORIES, SDR16_100, SDR16_133, memory_named
from arch.memory_page import table

PAGE = Path(__file__).resolve().parents[2] / "docs" / "memory.md"


def test_memories_by_name():
    for name, memory in MEMORIES.items():
        assert memory_named(name) is memory
        assert memory.name == name
    with pytest.raises(ConfigurationError, match="memory 'sram' is not known; known: ideal, sdr16"):
        memory_named("sram")


@pytest.mark.parametrize("memory", MEMORIES.values(), ids=lambda memory: memory.name)
@pytest.mark.parametrize("beat_bytes", [8, 16])
def test_beats_move_at_the_rate_and_at_most_one_a_cycle(memory, beat_bytes):
    each = max(Fraction(beat_bytes * memory.rate_cycles, memory.rate_bytes), Fraction(1))
    for beats in range(1, 300):
        assert memory.moving(beats, beat_bytes) == ceil(beats * each)


def test_a_burst_in_cycles():
    assert SDR16_100.busy(1, 64, 8) == 2 + 256
    assert SDR16_133.busy(1, 64, 8) == 7 + 192
    assert SDR16_133.busy(2, 2, 16) == 14 + 12
    assert DDR3_16.moving(64, 8) == 64
    assert DDR3_16.moving(64, 16) == 86
    assert IDEAL.busy(5, 64, 16) == 64


@pytest.mark.parametrize(
    ("figures", "text"),
    [
        ({"ports": 3}, "ports must be 1 or 2, not 3"),
        ({"ports": 0}, "ports must be an integer from 1 on, not 0"),
        ({"burst_cycles": -1}, "burst_cycles must be an integer from 0 on, not -1"),
        ({"rate_cycles": 0}, "rate_cycles must be an integer from 1 on"),
        ({"rate_bytes": 2.5}, "rate_bytes must be an integer from 1 on, not 2.5"),
        ({"read_latency": 0}, "read_latency must be an integer from 1 on"),
    ],
    ids=str,
)
def test_figures_out_of_range(figures, text):
    with pytest.raises(ConfigurationError, match=f"memory 'ideal': {text}"):
        replace(IDEAL, **figures)


def test_page_lists_them():
    assert table() in PAGE.read_text(), "write it anew with: make docs"
