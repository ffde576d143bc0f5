"""Steps for values that two half Gaussians describe (after Yang et al., J. Electronic Imaging 27(1)
013020, 2018).

The paper fits each layer's weights and activations by piecewise Gaussians and derives the optimal
interval from the fit; its formulas were not at hand. Ours, a reconstruction: split at the mode m (0
for weights and for what a ReLU leaves), take each side's second moment as its variance, and choose
the step that minimises the mean squared error of the quantiser on that density, by numerical
search.
"""

from functools import lru_cache

import numpy as np

#: Points of the density, and the steps that the search tries, in units of the deviation.
POINTS, REACH = 4001, 6.0
TRIED = 400


@lru_cache(maxsize=1024)
def best_step(low: int, high: int, ratio: float) -> float:
    """The step, in units of sigma+, that minimises the squared error on a two-piece Gaussian.

    ``ratio`` = sigma- / sigma+ (0: nothing below the mode). Codes run from ``low`` to ``high`` with
    code 0 at the mode. Both pieces meet at the mode, so their masses are as their deviations.
    """
    wider = max(ratio, 1.0)
    x = wider * np.linspace(-REACH, REACH, POINTS)
    width = np.where(x < 0, max(ratio, 1e-3), 1.0)
    density = np.exp(-0.5 * (x / width) ** 2)
    steps = wider / (high - low) * np.linspace(0.25, 8.0, TRIED)
    codes = np.clip(np.rint(x / steps[:, None]), low, high)
    errors = ((codes * steps[:, None] - x) ** 2 * density).sum(1)
    return float(steps[errors.argmin()])


def pieces(x: np.ndarray) -> tuple[float, float]:
    """sigma- and sigma+ about a mode of 0; an exact 0 (a ReLU's floor) counts for neither."""
    x = np.asarray(x, np.float64)
    below, above = x[x < 0], x[x > 0]
    left = float(np.sqrt((below**2).mean())) if below.size else 0.0
    right = float(np.sqrt((above**2).mean())) if above.size else 0.0
    return left, right


def fitted_step(x: np.ndarray, low: int, high: int) -> float:
    """The step for codes ``low`` to ``high`` of what ``x`` looks like; 0 where it is nothing."""
    left, right = pieces(x)
    if not right:
        return best_step(-high, -low, 0.0) * left if left else 0.0
    # To two decimals: the search runs once for each ratio, and the optimum is flat.
    return best_step(low, high, round(left / right, 2) if low < 0 else 0.0) * right
