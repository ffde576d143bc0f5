"""A layer lowered to what the machine does: lane-group words times weights, over positions."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from golden.network import Thresholds


@dataclass(frozen=True, eq=False)
class Item:
    """One lane group's worth of products: 16 lanes of one image at one tap, for all output
    channels.

    ``weights`` int64 [outputs, 16]; lanes that do not exist hold 0 and are False in ``used`` [16];
    lanes that exist but must not count are used and hold 0.
    """

    image: int
    y: int
    x: int
    weights: np.ndarray
    used: np.ndarray


@dataclass(kw_only=True, eq=False)
class Work:
    """Output channels of one layer that share their input images.

    Positions of the map that is computed: ``height`` x ``width`` (before pooling); the input of
    position (y, x) under an item and a phase is (y * stride_y + item.y + phase.y, x * stride_x +
    item.x + phase.x).
    """

    name: str
    #: (storage name, image index) of every input image.
    images: list[tuple[str, int]]
    items: list[Item]
    strides: tuple[int, int]
    height: int
    width: int
    output: str
    #: First 16-channel image of the output that this work writes, and how many channels.
    output_image: int
    outputs: int
    thresholds: Thresholds | None
    #: Window positions whose maximum is taken (one: no pooling).
    phases: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    #: Pairs of rows and columns are pooled 2x2 while they leave.
    pool2: bool = False
    #: Pixels packed per picture position (0: input is not a picture).
    window: int = 0
    #: Where each result goes, as (dy, dx) in an output enlarged by ``enlarge``.
    scatter: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    enlarge: int = 1
    #: Integer added to v for what the encodings' offsets contribute, per channel.
    constant: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    #: v = step * (sum of code * weight) + constant.
    step: int = 1
    #: Multiply-accumulates times bits of both operands that are the network's own (0: data
    #: movement).
    bit_operations: int = 0
    #: The network operators this work carries out.
    operators: list[str] = field(default_factory=list)

    @property
    def output_height(self) -> int:
        return self.height // 2 if self.pool2 else self.height

    @property
    def output_width(self) -> int:
        return self.width // 2 if self.pool2 else self.width

    @cached_property
    def reach(self) -> tuple[int, int, int, int]:
        """Least and largest input offsets (y_low, y_high, x_low, x_high) of items and phases."""
        ys = [i.y + p[0] for i in self.items for p in self.phases]
        xs = [i.x + p[1] for i in self.items for p in self.phases]
        if self.pool2:
            # The second row is a phase of its own; positions of a row are consecutive already.
            ys += [y + self.strides[0] for y in ys]
        back = self.window - 1 if self.window else 0
        return min(ys), max(ys), min(xs) - back, max(xs)
