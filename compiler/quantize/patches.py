"""What a convolution multiplies with: windows of its input at random places."""

from dataclasses import dataclass, field

import numpy as np
from onnx import NodeProto, helper

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


def places(size: tuple[int, int], window: Window, rng: np.random.Generator) -> np.ndarray:
    """Windows of maps of ``size`` that are looked at: int64 [n, 2], y and x of their corners in the
    padded map."""
    top, left, bottom, right = window.pads
    padded = size[0] + top + bottom, size[1] + left + right
    rows, columns = (
        (length - (k - 1) * d - 1) // s + 1
        for length, k, d, s in zip(
            padded, window.kernel, window.dilations, window.strides, strict=True
        )
    )
    drawn = rng.integers(0, rows * columns, min(PLACES, rows * columns))
    return np.stack([drawn // columns, drawn % columns], 1) * window.strides


def patches(x: np.ndarray, window: Window, corners: np.ndarray) -> np.ndarray:
    """Windows of a map [C, H, W]: float32 [groups, places, C / groups * kh * kw]."""
    top, left, bottom, right = window.pads
    padded = np.pad(x, ((0, 0), (top, bottom), (left, right)))
    dy = np.repeat(np.arange(window.kernel[0]) * window.dilations[0], window.kernel[1])
    dx = np.tile(np.arange(window.kernel[1]) * window.dilations[1], window.kernel[0])
    taken = padded[:, corners[:, :1] + dy, corners[:, 1:] + dx]  # [C, places, taps]
    channels = len(taken) // window.groups
    taken = taken.reshape(window.groups, channels, len(corners), -1)
    return taken.transpose(0, 2, 1, 3).reshape(window.groups, len(corners), -1)


@dataclass(eq=False)
class Moments:
    """Means over windows of a convolution's input as it was, x, and in few bits, y: of y y^T
    (``gram``), float64 [groups, k, k], and of x and of y (``means``), float64 [groups, k].
    """

    window: Window
    rng: np.random.Generator
    count: int = 0
    sums: list[np.ndarray] = field(default_factory=list)

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        """Windows of one more map [C, H, W]."""
        corners = places(before.shape[1:], self.window, self.rng)
        x, y = (patches(each, self.window, corners) for each in (before, after))
        found = [y.transpose(0, 2, 1) @ y, x.sum(axis=1), y.sum(axis=1)]
        self.count += len(corners)
        if not self.sums:
            self.sums = [each.astype(np.float64) for each in found]
            return
        for total, each in zip(self.sums, found, strict=True):
            total += each

    @property
    def gram(self) -> np.ndarray:
        return self.sums[0] / self.count

    @property
    def means(self) -> tuple[np.ndarray, np.ndarray]:
        return self.sums[1] / self.count, self.sums[2] / self.count

    def shift(self, before: np.ndarray, after: np.ndarray) -> np.ndarray:
        """How much quantisation lowers the mean of each output channel, float64 [out].

        ``before`` and ``after``: the weights [out, C / groups, kh, kw] that go with either input.
        """
        rows = [w.reshape(self.window.groups, -1, w[0].size).astype(np.float64)
                for w in (before, after)]  # fmt: skip
        products = [(w * m[:, None]).sum(axis=2) for w, m in zip(rows, self.means, strict=True)]
        return (products[0] - products[1]).reshape(-1)
