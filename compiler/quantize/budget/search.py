"""Which bits: greedily, what costs least in error for what it saves.

From the most bits everywhere, one layer's weights or one grid's codes after the other get fewer:
always the step of least error per cost saved, until the estimate fits. Then what is left over is
spent the other way round. The same input gives the same choice: ties go to what comes first.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from compiler.quantize.budget.layer_costs import LayerCosts
from compiler.quantize.budget.sensitivity import Sensitivities
from compiler.quantize.widths import Widths

Step = tuple[Widths, float, float]
"""A mixture, its estimated cost and the sum of its sensitivities."""


@dataclass(frozen=True)
class Move:
    """Other bits for one layer's weights, or for the codes of one grid.

    ``cost`` and ``error``: how much more there is of either.
    """

    widths: Widths
    cost: float
    error: float


def path(
    start: Widths, sensed: Sensitivities, costs: LayerCosts, choices: Sequence[int]
) -> Iterator[Step]:
    """Mixtures from ``start`` downwards, each cheaper than the one before."""
    widths = start
    while True:
        yield widths, costs.of(widths), sensed.of(widths)
        cheaper = [m for m in moves(widths, sensed, costs, choices, fewer=True) if m.cost < 0]
        if not cheaper:
            return
        widths = min(cheaper, key=lambda move: move.error / -move.cost).widths


def filled(
    widths: Widths, most: float, sensed: Sensitivities, costs: LayerCosts, choices: Sequence[int]
) -> Widths:
    """The mixture with more bits wherever they still fit, what helps most for its cost first."""
    while True:
        left = most - costs.of(widths)
        fitting = [
            move
            for move in moves(widths, sensed, costs, choices, fewer=False)
            if move.cost <= left and move.error < 0
        ]
        if not fitting:
            return widths
        widths = max(fitting, key=lambda move: -move.error / max(move.cost, 1.0)).widths


def moves(
    widths: Widths,
    sensed: Sensitivities,
    costs: LayerCosts,
    choices: Sequence[int],
    *,
    fewer: bool,
) -> Iterator[Move]:
    """All single steps down (``fewer``) or up."""

    def wanted(bits: int, now: int) -> bool:
        return bits < now if fewer else bits > now

    for layer, errors in sensed.weights.items():
        now = widths.weights[layer]
        for bits in (bits for bits in choices if wanted(bits, now) and bits in errors):
            other = widths.with_weights(layer, bits)
            more = costs.difference(widths, other, (layer,))
            yield Move(other, more, errors[bits] - errors[now])
    for unit, errors in sensed.activations.items():
        now, members = widths.activations[unit], sensed.units[unit]
        for bits in (bits for bits in choices if wanted(bits, now) and bits in errors):
            other = widths.with_activations(members, bits)
            more = costs.difference(widths, other, members)
            yield Move(other, more, errors[bits] - errors[now])
