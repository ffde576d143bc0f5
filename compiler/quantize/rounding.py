"""Weights to integers: steps of channels, and which way each weight is rounded.

``nearest``, or ``adaptive``: one column of weights after the other is rounded, and what that
changes of the sums is taken back with the columns that are not rounded yet, as well as it can be
for the inputs that were seen (Frantar et al., "Optimal Brain Compression", NeurIPS 2022, section 4;
order and damping as in the same authors' GPTQ, ICLR 2023). It minimises what AdaRound (Nagel et
al., ICML 2020) minimises by gradients, in closed form.
"""

import numpy as np

from compiler.quantize.gaussian import fitted_step

ROUNDINGS = ("adaptive", "nearest")
STEPS = ("mse", "minmax", "gaussian")
#: Shares of the step that holds the largest weight which are tried.
TRIED = np.linspace(0.25, 1.0, 76)
DAMPING = 0.01
"""Of the mean square of the inputs, added to each: inputs that were hardly seen decide nothing."""
BLOCK = 64
"""Columns of weights that are rounded before what they leave is reckoned up for all later ones."""


def ends(bits: int) -> tuple[int, int]:
    """Smallest and largest integer; with 8 bits of equal magnitude, as runtimes have it."""
    half = 1 << (bits - 1)
    return (1 - half if bits == 8 else -half), half - 1


def find_steps(
    rows: np.ndarray, bits: int, method: str, importance: np.ndarray | None = None
) -> np.ndarray:
    """The step of each row of ``rows`` [n, k], float64 [n], as float32 has it.

    ``importance`` [n or 1, k] weighs the squared errors of ``mse``.
    """
    low, high = ends(bits)
    peak = np.abs(rows).max(axis=1)
    widest = np.where(peak > 0, peak, 1.0) / high
    if method == "minmax":
        return widest.astype(np.float32).astype(np.float64)
    if method == "gaussian":
        fitted = np.array([fitted_step(row, low, high) for row in rows])
        return np.where(fitted > 0, fitted, widest).astype(np.float32).astype(np.float64)
    weigh = np.ones((1, 1)) if importance is None else importance
    best, least = widest, np.full(len(rows), np.inf)
    for share in TRIED[::-1]:
        steps = widest * share
        integers = np.clip(np.rint(rows / steps[:, None]), low, high)
        error = (weigh * (integers * steps[:, None] - rows) ** 2).sum(axis=1)
        better = error < least
        best, least = np.where(better, steps, best), np.where(better, error, least)
    return best.astype(np.float32).astype(np.float64)


def nearest(rows: np.ndarray, steps: np.ndarray, bits: int) -> np.ndarray:
    """Integers int64 [n, k] of rows [n, k]."""
    return np.clip(np.rint(rows / steps[:, None]), *ends(bits)).astype(np.int64)


def adaptive(rows: np.ndarray, steps: np.ndarray, bits: int, gram: np.ndarray) -> np.ndarray:
    """The same for rows that are multiplied with inputs of the second moments ``gram`` [k, k]."""
    energy = np.diag(gram).copy()
    if not energy.any():
        return nearest(rows, steps, bits)
    order = np.argsort(-energy, kind="stable")
    damped = gram[np.ix_(order, order)] + DAMPING * energy.mean() * np.eye(len(order))
    # H = R R^T, R upper triangular: the error of sums is |e R|^2, and column j of that is 0 where
    # e_j makes up for the columns before. In blocks, so that most of it is products of matrices.
    factor = np.linalg.cholesky(damped[::-1, ::-1])[::-1, ::-1]
    rows = rows[:, order].astype(np.float64)
    errors = np.empty(rows.shape)
    integers = np.empty(rows.shape, np.int64)
    for first in range(0, len(order), BLOCK):
        block = slice(first, first + BLOCK)
        owed = errors[:, :first] @ factor[:first, block]
        for column in range(first, min(first + BLOCK, len(order))):
            near = errors[:, first:column] @ factor[first:column, column]
            wanted = rows[:, column] + (owed[:, column - first] + near) / factor[column, column]
            integers[:, column] = nearest(wanted[:, None], steps, bits)[:, 0]
            errors[:, column] = rows[:, column] - integers[:, column] * steps
    result = np.empty_like(integers)
    result[:, order] = integers
    return result
