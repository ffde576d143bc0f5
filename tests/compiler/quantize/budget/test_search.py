"""The greedy way through bits, on tables that are written down."""

import pytest

from compiler.quantize.budget.layer_costs import Item, LayerCosts
from compiler.quantize.budget.search import filled, path
from compiler.quantize.budget.sensitivity import Sensitivities
from compiler.quantize.widths import Widths

CHOICES = (4, 6, 8)
START = Widths({"a": 8, "b": 8}, {"p": 8, "q": 8})
SENSED = Sensitivities(
    {"a": {4: 5.0, 6: 1.0, 8: 0.0}, "b": {4: 0.1, 6: 0.05, 8: 0.0}},
    {"p": {4: 9.0, 6: 3.0, 8: 0.0}},
    {"p": ("p", "q")},
)


@pytest.fixture
def costs() -> LayerCosts:
    """Of layer a reading p, layer b reading q: 10 cycles and one for each pair of planes."""
    found = LayerCosts(None, False)
    for weights, activations in ((8, 8), (4, 8), (4, 4)):
        planes = weights * activations
        widths = Widths({"a": weights, "b": weights}, {"p": activations, "q": activations})
        found.learn({Item("a", "p"): 10 + planes, Item("b", "q"): 10 + planes}, widths)
    return found


def test_lines_between_what_was_seen(costs):
    assert costs.of(START) == 2 * 74
    assert costs.of(START.with_weights("a", 6)) == 74 + 58
    # Below, on with the same slope.
    assert costs.of(Widths({"a": 2, "b": 8}, {"p": 4, "q": 8})) == 18 + 74
    other = START.with_activations(("p", "q"), 4)
    assert costs.difference(START, other, ("p", "q")) == costs.of(other) - costs.of(START)


def test_cheap_errors_first(costs):
    steps = list(path(START, SENSED, costs, CHOICES))
    assert steps[0] == (START, 148, 0)
    assert steps[1][0].weights == {"a": 8, "b": 4}
    assert [cost for _, cost, _ in steps] == sorted({cost for _, cost, _ in steps}, reverse=True)
    assert steps[-1][0] == Widths({"a": 4, "b": 4}, {"p": 4, "q": 4})
    assert steps[-1][2] == pytest.approx(5 + 0.1 + 9)


def test_what_is_left_over_is_spent(costs):
    least = Widths({"a": 4, "b": 4}, {"p": 4, "q": 4})
    for most in (52, 70, 90, 120, 148):
        found = filled(least, most, SENSED, costs, CHOICES)
        assert costs.of(found) <= most
        moves = [
            found.with_weights(layer, bits)
            for layer in ("a", "b")
            for bits in CHOICES
            if bits > found.weights[layer]
        ]
        assert all(costs.of(other) > most for other in moves)
    assert filled(least, 148, SENSED, costs, CHOICES) == START
