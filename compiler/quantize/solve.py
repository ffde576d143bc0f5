"""One convolution in integers: steps, weights and bias for the inputs that were seen."""

import numpy as np

from compiler.quantize.options import Options
from compiler.quantize.patches import Moments
from compiler.quantize.rounding import adaptive, find_steps, nearest
from compiler.quantize.writer import Layer

LARGEST_BIAS = float(1 << 22)
"""In units of the sums: a channel with hardly any weights would make an integer of any size."""
LEAST_IMPORTANCE = 1e-12
"""Of inputs that are always 0: their weights are rounded, too."""


def solve(
    weights: np.ndarray,
    bias: np.ndarray | None,
    moments: Moments,
    bits: int,
    options: Options,
    unit: float,
    *,
    whole_bias: bool,
) -> Layer:
    """The layer of float ``weights`` [out, in / groups, kh, kw] and ``bias`` [out] (None: zeros).

    ``unit``: the step of its input; ``whole_bias``: the bias is to be integers of the sums' units.
    """
    weights = weights.astype(np.float64)
    bias = np.zeros(len(weights)) if bias is None else bias.astype(np.float64)
    groups = moments.window.groups
    rows = weights.reshape(groups, len(weights) // groups, -1)
    gram = moments.gram
    energy = np.diagonal(gram, axis1=1, axis2=2) + LEAST_IMPORTANCE
    flat = rows.reshape(len(weights), -1)
    steps = find_steps(flat, bits, options.steps, np.repeat(energy, rows.shape[1], axis=0))
    steps = np.maximum(steps, np.abs(bias) / (LARGEST_BIAS * unit)).astype(np.float32)
    steps = steps.astype(np.float64)
    integers = np.empty(rows.shape, np.int64)
    for group, part in enumerate(steps.reshape(groups, -1)):
        if options.rounding == "adaptive":
            integers[group] = adaptive(rows[group], part, bits, gram[group])
        else:
            integers[group] = nearest(rows[group], part, bits)
    integers = integers.reshape(weights.shape)
    if options.correct:
        bias = bias + moments.shift(weights, integers * steps.reshape(-1, 1, 1, 1))
    return Layer(integers, steps, bias, unit if whole_bias else None)
