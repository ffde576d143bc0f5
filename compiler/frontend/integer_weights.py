"""Float weights -> small integers and one scale per output channel."""

import numpy as np

from compiler.errors import QuantisationError, UnsupportedError
from compiler.frontend.ir import Graph, Node

#: float32 weights lie on their grid to this relative accuracy (one rounding, and one in the scale).
TOLERANCE = 2.0**-21
#: Integers up to these magnitudes are searched for: of most networks first, of the widest then.
LARGEST_ODD = 15
WIDEST = 255
SUPPORTED = (
    "supported are integers -128..127 (8 bits) or odd integers up to 255 in magnitude, times one "
    "scale per output channel"
)


def integer_grid(rows: np.ndarray, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Per row, the smallest integers that the values are multiples of.

    ``rows`` float64 [n, k]. Returns integers int64 [n, k], scales float64 [n], and whether a grid
    with magnitudes up to ``most`` was found [n]. A row of zeros has scale 1.
    """
    size = np.abs(rows)
    smallest = np.where(size > 0, size, np.inf).min(axis=1)
    empty = ~np.isfinite(smallest)
    smallest[empty] = 1.0
    found = empty.copy()
    integers = np.zeros(rows.shape, np.int64)
    for divisor in range(1, most + 1):
        open_rows = np.flatnonzero(~found)
        if not open_rows.size:
            break
        ratio = rows[open_rows] / smallest[open_rows, None] * divisor
        nearest = np.rint(ratio)
        good = (np.abs(ratio - nearest) <= TOLERANCE * np.abs(ratio)).all(axis=1)
        good &= np.abs(nearest).max(axis=1) <= most
        integers[open_rows[good]] = nearest[good]
        found[open_rows[good]] = True
    weight = (integers * integers).sum(axis=1)
    scales = (rows * integers).sum(axis=1) / np.maximum(weight, 1)
    # The quotient at the largest integer is exact where the weights are, the mean may not be.
    peak = np.abs(integers).argmax(axis=1)[:, None]
    largest = np.take_along_axis(integers, peak, 1)[:, 0]
    exact = np.take_along_axis(rows, peak, 1)[:, 0] / np.where(largest == 0, 1, largest)
    other = (exact[:, None] * integers != rows).any(axis=1)
    exact[other] = float32_scales(rows[other], integers[other], scales[other])
    exact[empty] = 1.0
    return integers, exact, found


def float32_scales(rows: np.ndarray, integers: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """The float32 scale near ``scales`` [n] whose multiples round to ``rows``, where there is one.

    It is the scale that weights were multiplied with before they were stored, and decides what is
    a tie.
    """
    half = np.spacing(np.abs(rows).astype(np.float32)).astype(np.float64) / 2
    near = scales.astype(np.float32)
    result = scales.copy()
    for scale in (np.nextafter(near, 2 * near), np.nextafter(near, 0 * near), near):
        wide = scale.astype(np.float64)
        fits = (np.abs(integers * wide[:, None] - rows) <= half).all(axis=1)
        result = np.where(fits, wide, result)
    return result


def is_supported(integers: np.ndarray, largest: int = WIDEST) -> bool:
    """Whether all integers fit two's complement up to (largest - 1) / 2, or the odd grid."""
    half = (largest + 1) // 2
    if integers.min(initial=0) >= -half and integers.max(initial=0) < half:
        return True
    return bool((integers % 2 == 1).all() and np.abs(integers).max() <= largest)


def multiples_of_steps(rows: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The smallest integers and their scales for rows [n, k] of multiples of ``steps`` [1 or n]."""
    steps = np.broadcast_to(steps, len(rows))
    integers = np.rint(rows / steps[:, None]).astype(np.int64)
    divisor = np.maximum(np.gcd.reduce(integers, axis=1), 1)
    scales = np.where((integers == 0).all(axis=1), 1.0, steps * divisor)
    return integers // divisor[:, None], scales


def quantised_weights(graph: Graph, node: Node) -> tuple[np.ndarray, np.ndarray]:
    """Integers int32 [out, in, kh, kw] and scales float64 [out] of a Conv node's weights.

    QuantisationError where they are not on a grid, UnsupportedError where it is too fine.
    """
    tensor = node.inputs[1]
    weights = graph.constants[tensor].astype(np.float64)
    source = f"weights {graph.onnx.get(tensor, tensor)!r}"
    if tensor in graph.origins:
        source += f" (from {graph.origins[tensor]})"
    if not np.isfinite(weights).all():
        raise QuantisationError(f"{node}: {source} contain infinity or NaN; export again.")
    rows = weights.reshape(weights.shape[0], -1)
    integers, scales, found = integer_grid(rows, LARGEST_ODD)
    if found.all() and is_supported(integers, LARGEST_ODD):
        return integers.reshape(weights.shape).astype(np.int32), scales
    if tensor in graph.steps:
        wide, scales = multiples_of_steps(rows, graph.steps[tensor])
        on_grid = np.ones(len(rows), bool)
    else:
        wide, scales, on_grid = integer_grid(rows, WIDEST)
    if on_grid.all() and is_supported(wide):
        return wide.reshape(weights.shape).astype(np.int32), scales
    if not on_grid.all():
        channel = int(np.flatnonzero(~on_grid)[0])
        raise QuantisationError(
            f"{node}: {source} are floats that are not multiples of one scale (output channel "
            f"{channel}: {np.unique(rows[channel])[:4].tolist()} ...); {SUPPORTED}. Train or "
            "convert the network with quantised weights first."
        )
    low, high = int(wide.min()), int(wide.max())
    bits = max((-low - 1).bit_length() if low < 0 else 0, high.bit_length()) + (low < 0)
    raise UnsupportedError(
        f"{node}: {source} take integers {low}..{high} ({bits} bits); {SUPPORTED}. Quantise this "
        "layer's weights symmetrically to 1..8 bits and train again."
    )
