"""A layer lowered to what the machine does: lane-group words times weights, over positions."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from arch.isa import PostMode
from arch.machine import Machine
from golden.network import Product, Thresholds

Offset = tuple[int, int]
"""(y, x) in positions of a map."""


@dataclass(frozen=True, eq=False)
class Tap:
    """One lane group's worth of products: 16 lanes of one image at one place of the window, for
    all output channels.

    ``image``: place among the job's images. ``weights`` int64 [outputs, 16]; lanes that do not
    exist hold 0 and are False in ``used`` [16]; lanes that exist but must not count are used and
    hold 0.
    """

    image: int
    y: int
    x: int
    weights: np.ndarray
    used: np.ndarray


@dataclass(frozen=True, eq=False)
class ChannelSpan:
    """Output channels [first, stop) of an operator, which read the same input images."""

    first: int
    stop: int
    #: (storage name, image index) of every input image.
    images: tuple[tuple[str, int], ...]
    taps: tuple[Tap, ...]
    #: int64 [stop - first]: what the offsets of the stored forms add to v.
    constant: np.ndarray
    #: Pixels packed per picture position (0: input is not a picture).
    window: int


@dataclass(frozen=True, eq=False)
class WideCodes:
    """How sums become codes in post modes other than thresholds, for each channel of a span.

    ``product`` gives the codes of ``levels``, where there are any, for every sum v; None: it is to
    be found. ``table`` int64 [codes]: what these are looked up in. ``shares``, two int64 [codes]:
    what the codes of two captures stand for, in units of 2^-SHARE_FRACTION; their sum is limited
    to the product's low and high.
    """

    product: Product | None
    levels: Thresholds | None = None
    table: np.ndarray | None = None
    shares: tuple[np.ndarray, np.ndarray] | None = None

    @property
    def mode(self) -> PostMode:
        """The post mode, with code table 0."""
        if self.shares is not None:
            return PostMode.SHARES_0
        return PostMode.PRODUCT if self.table is None else PostMode.LOOKUP_0


@dataclass(frozen=True, kw_only=True, eq=False)
class Job:
    """What is computed from what: one span of a layer's output channels, over all positions.

    Positions of the map that is computed: ``height`` x ``width`` (before pooling); the input of
    position (y, x) under a tap and a phase is (y * stride_y + tap.y + phase.y, x * stride_x +
    tap.x + phase.x). v = ``step`` * (sum of code * weight) + ``span.constant``.
    """

    name: str
    span: ChannelSpan
    strides: tuple[int, int] = (1, 1)
    height: int
    width: int
    #: Name of the storage that is written.
    output: str
    #: The part of the program that it is in: the host computes between one and the next.
    segment: int = 0
    #: For each channel of the span; None, if there are no ``wide`` codes either: the sums
    #: themselves leave.
    thresholds: Thresholds | None
    wide: WideCodes | None = None
    #: The taps of each capture, where captures have taps of their own; all captures have all taps
    #: if this is empty.
    turns: tuple[tuple[int, ...], ...] = ()
    #: Window positions whose maximum is taken (one: no pooling).
    phases: tuple[Offset, ...] = ((0, 0),)
    #: 2: pairs of rows and columns are pooled 2x2 while they leave; else 1.
    pooling: int = 1
    #: Where each result goes, as (dy, dx) in an output enlarged by ``enlarge``.
    scatter: tuple[Offset, ...] = ((0, 0),)
    enlarge: int = 1
    step: int = 1
    #: Multiply-accumulates times bits of both operands that are the network's own (0: data
    #: movement).
    bit_operations: int = 0
    #: The network operators that this job carries out.
    operators: tuple[str, ...] = ()

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        """The storages that are read, each once."""
        return tuple(dict.fromkeys(name for name, _ in self.span.images))

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.span.stop - self.span.first

    @property
    def raw(self) -> bool:
        """Whether sums leave, not codes."""
        return self.thresholds is None and self.wide is None

    @property
    def mode(self) -> PostMode:
        """The post mode, with code table 0."""
        return PostMode.THRESHOLDS if self.wide is None else self.wide.mode

    def column_cycles(self, machine: Machine, pieces: int) -> int:
        """Cycles in which a column of a block's results leaves: raw sums in ``pieces``."""
        if self.raw:
            return machine.raw_cycles(pieces)
        return pieces if self.wide is None else machine.wide_cycles

    @property
    def row_turns(self) -> int:
        """Input rows from those of one row of results to those of the next."""
        return self.strides[0] * self.pooling

    @cached_property
    def captures(self) -> tuple[Offset, ...]:
        """Input offset of every capture of a block: each phase, of each of the rows pooled."""
        return tuple(
            (y + row * self.strides[0], x) for y, x in self.phases for row in range(self.pooling)
        )

    @cached_property
    def reach(self) -> tuple[int, int, int, int]:
        """Least and largest input offsets (y_low, y_high, x_low, x_high) of taps and captures."""
        taps, captures = self.span.taps, self.captures
        ys = [tap.y for tap in taps]
        xs = [tap.x for tap in taps]
        down, right = zip(*captures, strict=True)
        back = self.span.window - 1 if self.span.window else 0
        return (
            min(ys) + min(down), max(ys) + max(down), min(xs) + min(right) - back,
            max(xs) + max(right),
        )  # fmt: skip

    def input_rows(self, height: int) -> int:
        """Input rows that ``height`` rows of the computed map look at."""
        low_y, high_y, _, _ = self.reach
        # The last row of a pooled pair is a capture of its own, which ``reach`` has in it.
        return (height - self.pooling) * self.strides[0] + high_y - low_y + 1

    def input_columns(self, width: int) -> int:
        """Input columns that ``width`` columns of the computed map look at."""
        _, _, low_x, high_x = self.reach
        return (width - 1) * self.strides[1] + high_x - low_x + 1
