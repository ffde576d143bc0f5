"""What a convolution multiplies with: windows of its input at random places."""

from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto, helper

from compiler.quantize.ranges import Grid

PLACES = 192
"""Windows of a picture that are looked at."""


@dataclass(frozen=True)
class Window:
    """How a Conv node reads its input; ``pads`` are top, left, bottom, right."""

    kernel: tuple[int, int]
    strides: tuple[int, int]
    pads: tuple[int, int, int, int]
    dilations: tuple[int, int]
    groups: int


def window_of(node: NodeProto, weights: np.ndarray, size: tuple[int, int]) -> Window:
    """The window of a Conv node on maps of ``size`` (height, width)."""
    given = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    kernel = weights.shape[2:]
    strides = tuple(given.get("strides", (1, 1)))
    dilations = tuple(given.get("dilations", (1, 1)))
    pads = tuple(given.get("pads", (0, 0, 0, 0)))
    automatic = given.get("auto_pad", b"NOTSET").decode()
    if automatic in ("SAME_UPPER", "SAME_LOWER"):
        ends = []
        for length, k, s, d in zip(size, kernel, strides, dilations, strict=True):
            total = max((-(-length // s) - 1) * s + (k - 1) * d + 1 - length, 0)
            less, more = total // 2, total - total // 2
            ends.append((less, more) if automatic == "SAME_UPPER" else (more, less))
        pads = (ends[0][0], ends[1][0], ends[0][1], ends[1][1])
    return Window(tuple(kernel), strides, pads, dilations, given.get("group", 1))


def patches(x: np.ndarray, window: Window, rng: np.random.Generator) -> np.ndarray:
    """Windows of a map [C, H, W]: float32 [groups, places, C / groups * kh * kw]."""
    top, left, bottom, right = window.pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    reach = [(k - 1) * d for k, d in zip(window.kernel, window.dilations, strict=True)]
    counts = [
        (length - r - 1) // s + 1
        for length, r, s in zip(padded.shape[1:], reach, window.strides, strict=True)
    ]
    places = rng.integers(0, counts[0] * counts[1], min(PLACES, counts[0] * counts[1]))
    y = places // counts[1] * window.strides[0]
    x0 = places % counts[1] * window.strides[1]
    dy = np.repeat(np.arange(window.kernel[0]) * window.dilations[0], window.kernel[1])
    dx = np.tile(np.arange(window.kernel[1]) * window.dilations[1], window.kernel[0])
    taken = padded[:, y[:, None] + dy, x0[:, None] + dx]  # [C, places, taps]
    channels = len(taken) // window.groups
    taken = taken.reshape(window.groups, channels, len(places), -1)
    return taken.transpose(0, 2, 1, 3).reshape(window.groups, len(places), -1)


@dataclass(eq=False)
class Moments:
    """Sums over windows: of products of rounded inputs, ``gram`` float64 [groups, k, k], and of
    both inputs, rounded or not.
    """

    window: Window
    grid: Grid
    count: int = 0
    gram: np.ndarray | float = 0.0
    exact: np.ndarray | float = 0.0
    rounded: np.ndarray | float = 0.0
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def add(self, x: np.ndarray) -> None:
        """Windows of one more map [C, H, W] of float32 values before they are rounded."""
        exact = patches(x, self.window, self.rng)
        rounded = self.grid.rounded(exact)
        self.count += exact.shape[1]
        self.gram = self.gram + (rounded.transpose(0, 2, 1) @ rounded).astype(np.float64)
        self.exact = self.exact + exact.sum(axis=1, dtype=np.float64)
        self.rounded = self.rounded + rounded.sum(axis=1, dtype=np.float64)

    def shift(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """How much rounding lowers the mean of each output channel, float64 [out].

        ``before`` and ``after``: the weights [out, C / groups, kh, kw] that go with either input.
        """
        rows = [w.reshape(self.window.groups, -1, w[0].size).astype(np.float64)
                for w in (before, after)]  # fmt: skip
        means = [np.asarray(total) / self.count for total in (self.exact, self.rounded)]
        products = [(w * m[:, None]).sum(axis=2) for w, m in zip(rows, means, strict=True)]
        return (products[0] - products[1]).reshape(-1)
