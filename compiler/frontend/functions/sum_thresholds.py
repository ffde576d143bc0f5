"""Thresholds of a convolution's sums, for the function that ends in a quantiser."""

import numpy as np

from compiler.frontend.encoding import Encoding
from compiler.frontend.expressions import Expression
from compiler.frontend.functions.integer_kernel import IntegerKernel
from compiler.frontend.overflow import check_overflow
from compiler.frontend.sums import Sums
from compiler.frontend.thresholds import bisect, count_levels, falls_and_rises, verify
from compiler.frontend.ties import settle
from golden.network import Product, Thresholds
from golden.operators import product_codes


def exact_thresholds(
    sums: Sums, expression: Expression, encoding: Encoding, where: str
) -> Thresholds:
    """Thresholds of a function of real numbers, or of integers of the graph's types."""
    conv = sums.node

    def codes(v: np.ndarray) -> np.ndarray:
        leaf = sums.values(v)[None, :, None, :]
        return encoding.codes(expression.evaluate({conv.output: leaf})[0, :, 0, :])

    def codes_at(channels: np.ndarray, v: np.ndarray) -> np.ndarray:
        leaf = sums.values_at(channels, v).reshape(1, -1, 1, 1)
        return encoding.codes(expression.evaluate({conv.output: leaf}, channels).reshape(-1))

    def limits(channels: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple:
        ends = (sums.values_at(channels, v) for v in (low, high))
        return tuple(map(encoding.codes, expression.limits(*ends, channels)))

    check_overflow(expression, *sums.ends())
    thresholds = bisect(codes, sums.low, sums.high, encoding.count, where)
    verify(thresholds, codes_at, limits, sums.low, sums.high, where)
    factors = (sums.scales, sums.source.encoding.scale, sums.bias)
    return settle(thresholds, expression, encoding, factors, (sums.low, sums.high), where)


def kernel_thresholds(
    kernel: IntegerKernel, sums: Sums, encoding: Encoding, where: str
) -> Thresholds:
    """Thresholds of an integer kernel, which never falls, and of what follows it."""

    def codes(v: np.ndarray) -> np.ndarray:
        return encoding.codes(kernel.values(v)[0, :, 0, :])

    rest = kernel.rest.evaluate({kernel.leaf: np.arange(kernel.low, kernel.high + 1.0)})
    if (np.diff(encoding.codes(rest)) < 0).any():
        raise falls_and_rises(where, 0)
    return bisect(codes, sums.low, sums.high, encoding.count, where)


def product_of(
    kernel: IntegerKernel, sums: Sums, encoding: Encoding, thresholds: Thresholds
) -> Product | None:
    """The kernel as the network's product; None where something else follows it.

    It gives the codes of the thresholds on both sides of each of them, hence everywhere.
    """
    top = encoding.count - 1
    low, high = (
        int(np.clip(end - kernel.zero - encoding.offset, 0, top))
        for end in (kernel.low, kernel.high)
    )
    product = Product(
        factor=kernel.factor,
        bias=kernel.bias,
        multiplier=kernel.multiplier,
        zero=-encoding.offset,
        low=low,
        high=high,
    )
    places = np.concatenate(
        [thresholds.levels, thresholds.levels - 1, sums.low[:, None], sums.high[:, None]], axis=1
    )
    places = np.clip(places, sums.low[:, None], sums.high[:, None])
    found, wanted = product_codes(places, product), count_levels(thresholds, places)
    return product if encoding.step == 1 and (found == wanted).all() else None
