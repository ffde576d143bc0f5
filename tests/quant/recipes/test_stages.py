"""Progressive quantisation: which stage is when, and what it switches on."""

from itertools import pairwise

import pytest

pytest.importorskip("torch")

from quant.model.features import Taps
from quant.model.layers import QuantisedConvolution
from quant.recipes.stages import (
    ALL_AT_ONCE,
    BINARY_ACTIVATIONS,
    EVERYTHING,
    OTHER_WEIGHTS,
    PROGRESSIVE,
    stage_at,
    switch,
)
from tests.quant import tiny


def test_shares_make_a_whole():
    for stages in (ALL_AT_ONCE, PROGRESSIVE):
        assert sum(stage.share for stage in stages) == pytest.approx(1)
        assert stages[-1].quantised == EVERYTHING


@pytest.mark.parametrize(
    ("progress", "number"),
    [(0, 0), (0.149, 0), (0.15, 1), (0.399, 1), (0.4, 2), (0.499, 2), (0.5, 3), (1, 3), (1.5, 3)],
)
def test_stage_at(progress, number):
    assert stage_at(PROGRESSIVE, progress) is PROGRESSIVE[number]
    assert stage_at(ALL_AT_ONCE, progress) is ALL_AT_ONCE[0]


def test_a_stage_adds_to_the_one_before():
    for before, after in pairwise(PROGRESSIVE):
        assert before.quantised < after.quantised


def widths(model) -> tuple[set[int], set[int]]:
    """Bits of the weights and of the tensors that are quantised now."""
    layers = [m.weight_quant for m in model.modules() if isinstance(m, QuantisedConvolution)]
    taps = [tap for m in model.modules() if isinstance(m, Taps) for tap in m.values()]
    return {q.bits for q in layers if q.enabled}, {t.bits for t in taps if t.enabled}


@pytest.mark.parametrize(
    ("quantised", "expected"),
    [
        (frozenset(), (set(), set())),
        (frozenset({BINARY_ACTIVATIONS}), (set(), {1})),
        (frozenset({BINARY_ACTIVATIONS, OTHER_WEIGHTS}), ({4}, {1})),
        (EVERYTHING, ({1, 4}, {1, 4})),
    ],
)
def test_switch(quantised, expected):
    model = tiny.detector("mpq")
    switch(model, quantised)
    assert widths(model) == expected


def test_float_networks_have_nothing_to_switch():
    switch(tiny.detector("float"), EVERYTHING)
