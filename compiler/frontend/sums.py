"""What a convolution of the graph is in integers: sums of products of codes, and their meaning."""

from dataclasses import dataclass

import numpy as np

from compiler.errors import QuantisationError
from compiler.frontend.encoding import TOLERANCE, Encoding
from compiler.frontend.ir import Node

#: Padding in units of the tensor's scale; more would be no level of any tensor.
LARGEST_PAD = 1 << 16


@dataclass(frozen=True)
class View:
    """A graph tensor as codes: which network tensor holds them and what they stand for here."""

    name: str
    encoding: Encoding


@dataclass(frozen=True, eq=False)
class Sums:
    """A Conv node in integers: float result = v * scale[c] * input scale + bias[c]."""

    node: Node
    source: View
    weights: np.ndarray
    scales: np.ndarray
    bias: np.ndarray
    pad_value: int
    low: np.ndarray
    high: np.ndarray
    #: Height and width of the result.
    size: tuple[int, int]

    def values(self, sums: np.ndarray) -> np.ndarray:
        """Float results [C, n] of sums [C, n]; in the order that is exact for 24-bit scales."""
        products = sums * self.scales[:, None] * self.source.encoding.scale
        return products + self.bias[:, None]

    def values_at(self, channels: np.ndarray, sums: np.ndarray) -> np.ndarray:
        """The same for sums [P] of channels [P]."""
        return sums * self.scales[channels] * self.source.encoding.scale + self.bias[channels]

    def ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Smallest and largest float result [C]."""
        low, high = self.values(np.stack([self.low, self.high], axis=1)).T
        return low, high


def pad_integer(conv: Node, encoding: Encoding) -> int:
    """The integer that the padding of a Conv node stands for."""
    value = conv.attributes.get("pad_value", 0.0)
    integer = value / encoding.scale
    if not np.isfinite(integer) or abs(integer - np.rint(integer)) > TOLERANCE * max(
        1.0, abs(integer)
    ):
        raise QuantisationError(
            f"{conv}: its input is padded with {value}, which is not a multiple of the input's "
            f"scale {encoding.scale:.6g}; pad with a whole multiple, such as "
            f"{encoding.values[0]:.6g}."
        )
    if abs(integer) > LARGEST_PAD:
        raise QuantisationError(
            f"{conv}: its input is padded with {value}, {integer:.6g} times the input's scale "
            f"{encoding.scale:.6g}; supported are up to {LARGEST_PAD}. Pad with a level of it."
        )
    return int(np.rint(integer))
