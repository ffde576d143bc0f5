"""Which weights share their parameters, and what that costs in memory.

``tensor``: a whole layer; ``group``: eight output channels; ``channel``: one; ``combined``: each
layer one of these. The paper combines granularities in a way that was not at hand; ours gives the
finer ones to the layers whose relative error they lessen most for their bits, as long as the
parameters of all layers take no more than the scheme's budget.

Memory is counted against half precision, in which YOLOv7 is published and from which 4 bits can
save a factor of 4 at most; normalisations and biases are the same on both sides and not counted.
"""

from dataclasses import dataclass

import numpy as np

from quant.post_training.schemes import Scheme

HALF_BITS = 16
#: Output channels that share parameters (None: all), coarsest first.
CHANNELS = {"tensor": None, "group": 8, "channel": 1}
COMBINED = "combined"
GRANULARITIES = (*CHANNELS, COMBINED)


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantisedWeight:
    """A layer's weights after quantisation: codes of ``code_bits``; ``bits`` counts codes and
    parameters of the layer.
    """

    values: np.ndarray
    code_bits: int
    bits: int
    granularity: str
    squared_error: float


def quantise_weight(
    weight: np.ndarray, scheme: Scheme, bits: int, granularity: str
) -> QuantisedWeight:
    """Quantise a convolution's ``weight`` [out, in / groups, kh, kw]; computed in float64."""
    weight = np.asarray(weight, np.float64)
    filters = len(weight)
    size = min(CHANNELS[granularity] or filters, filters)
    rows = weight.reshape(filters, -1)
    # Whole groups first, then what is left of the channels.
    whole = filters // size * size
    parts = [rows[:whole].reshape(whole // size, -1)]
    if whole < filters:
        parts.append(rows[whole:].reshape(1, -1))
    values = np.concatenate([scheme.quantise(part, bits).ravel() for part in parts])
    groups = sum(len(part) for part in parts)
    return QuantisedWeight(
        values=values.reshape(weight.shape),
        code_bits=bits,
        bits=weight.size * bits + groups * scheme.parameters(bits) * HALF_BITS,
        granularity=granularity,
        squared_error=float(((values - weight.ravel()) ** 2).sum()),
    )


def quantise_weights(
    weights: dict[str, np.ndarray], scheme: Scheme, bits: int, granularity: str
) -> dict[str, QuantisedWeight]:
    """Quantise all convolutions of a network."""
    if granularity != COMBINED:
        return {n: quantise_weight(w, scheme, bits, granularity) for n, w in weights.items()}
    choices = {
        name: [quantise_weight(w, scheme, bits, each) for each in CHANNELS]
        for name, w in weights.items()
    }
    energy = {
        name: float((np.asarray(w, np.float64) ** 2).sum()) or 1.0 for name, w in weights.items()
    }
    return _combine(choices, energy, scheme.budget)


def _combine(
    choices: dict[str, list[QuantisedWeight]], energy: dict[str, float], budget: float
) -> dict[str, QuantisedWeight]:
    """From each layer's ``choices``, coarsest first, take finer ones while the budget lasts."""
    taken = {name: options[0] for name, options in choices.items()}
    codes = sum(q.values.size * q.code_bits for q in taken.values())
    left = codes * (1 + budget) - sum(q.bits for q in taken.values())

    def gain(name: str, option: QuantisedWeight) -> float:
        """Relative error less, for each bit more."""
        now = taken[name]
        return (now.squared_error - option.squared_error) / energy[name] / (option.bits - now.bits)

    while True:
        possible = [
            (gain(name, option), name, at)
            for name, options in choices.items()
            for at, option in enumerate(options)
            if 0 < option.bits - taken[name].bits <= left
        ]
        best = max(possible, default=(0.0, "", 0))
        if best[0] <= 0:
            return taken
        _, name, at = best
        left -= choices[name][at].bits - taken[name].bits
        taken[name] = choices[name][at]
