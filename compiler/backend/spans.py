"""Operators as spans of output channels: one tap per place of the window and 16 input channels."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from arch.formats import LONGEST_WINDOW, PICTURE_CHANNELS
from compiler.backend.job import ChannelSpan, Offset, Tap
from compiler.backend.storage import WORD_CHANNELS, Storage
from golden.network import Convolution, Thresholds

Source = tuple[Storage, int]
"""A stored channel."""


def lanes_in_use(storage: Storage, image: int) -> np.ndarray:
    """Which of the 16 channels of an image exist: bool [16]."""
    return np.arange(WORD_CHANNELS) < storage.channels - image * WORD_CHANNELS


def lanes_of_picture(storage: Storage, window: int) -> np.ndarray:
    """Which lanes hold a byte of the picture, ``window`` pixels of three channels: bool [16]."""
    lane = np.arange(WORD_CHANNELS)
    return (lane < PICTURE_CHANNELS * window) & (lane % PICTURE_CHANNELS < storage.channels)


def picture_window(kernel: int, dilation: int) -> int:
    """Neighbouring pixels per position, so that a kernel row takes fewest taps."""
    if dilation != 1:
        return 1
    taps = -(-kernel // LONGEST_WINDOW)
    return -(-kernel // taps)


def common_step(sources: Iterable[Source]) -> int:
    """The step that all sources share, else 1 (and each step goes into the weights)."""
    steps = {storage.step for storage, _ in sources}
    return steps.pop() if len(steps) == 1 else 1


def convolution_spans(operator: Convolution, sources: list[Source]) -> list[ChannelSpan]:
    """Cut a convolution by the input channels that its output channels need.

    ``sources``: of every input channel. A convolution without groups is one span; a depthwise one
    has a span per 16 channels.
    """
    outputs, per_group = operator.weights.shape[:2]
    per_output = outputs // operator.groups
    spans: dict[tuple[int, int], list[int]] = {}
    for image in range(-(-outputs // WORD_CHANNELS)):
        first = image * WORD_CHANNELS // per_output
        last = (min(outputs, (image + 1) * WORD_CHANNELS) - 1) // per_output
        spans.setdefault((first * per_group, (last + 1) * per_group), []).append(image)
    return [
        _convolution_span(
            operator,
            sources,
            range(*channels),
            images[0] * WORD_CHANNELS,
            min(outputs, (images[-1] + 1) * WORD_CHANNELS),
        )
        for channels, images in spans.items()
    ]


def _convolution_span(
    operator: Convolution, sources: list[Source], channels: range, first: int, stop: int
) -> ChannelSpan:
    _, per_group, kernel_h, kernel_w = operator.weights.shape
    per_output = operator.weights.shape[0] // operator.groups
    step = common_step(sources)
    picture = sources[0][0].kind == "picture"
    edges = _edges(operator.weights[first:stop]) if picture else []
    longest = max((right - left for left, right in edges), default=0)
    window = picture_window(longest, operator.dilations[1]) if picture else 0
    groups = np.arange(first, stop) // per_output
    constant = np.zeros(stop - first, np.int64)
    #: (storage name, image) -> weights [kernel rows, kernel columns, lanes, outputs].
    matrix: dict[tuple[str, int], np.ndarray] = {}
    # [channels of a group, kernel rows, kernel columns, outputs], so that a channel's lie together.
    columns = np.ascontiguousarray(operator.weights[first:stop].transpose(1, 2, 3, 0), np.int64)
    for channel in channels:
        storage, number = sources[channel]
        column = columns[channel % per_group] * (channel // per_group == groups)
        constant += storage.offset * column.sum((0, 1))
        key = (storage.name, 0 if picture else number // WORD_CHANNELS)
        if key not in matrix:
            matrix[key] = np.zeros((kernel_h, kernel_w, WORD_CHANNELS, stop - first), np.int64)
        column *= storage.step // step
        if not picture:
            matrix[key][:, :, number % WORD_CHANNELS] += column
            continue
        for y, (left, right) in enumerate(edges):
            for x in range(left, right):  # the position that holds a pixel is its window's last
                last = min(right, left + ((x - left) // window + 1) * window) - 1
                matrix[key][y, last, PICTURE_CHANNELS * (last - x) + number] += column[y, x]
    storages = {storage.name: storage for storage, _ in sources}
    keys = sorted((y, x, *key) for key, weights in matrix.items()
                  for y, x in np.argwhere(weights.any((2, 3))).tolist())  # fmt: skip
    if not keys:  # all weights are 0: one tap, of whichever image
        key = min(matrix)
        keys = [(0, min(kernel_w, window or 1) - 1, *key)]
    images = list(dict.fromkeys(key[2:] for key in keys))
    taps = []
    for row, place, name, image in keys:
        storage = storages[name]
        used = lanes_of_picture(storage, window) if picture else lanes_in_use(storage, image)
        y = row * operator.dilations[0] - operator.pads[0]
        x = place * operator.dilations[1] - operator.pads[1]
        weights = matrix[name, image][row, place].T
        taps.append(Tap(images.index((name, image)), y, x, weights, used))
    return ChannelSpan(first, stop, tuple(images), tuple(taps), constant, window)


def _edges(weights: np.ndarray) -> list[tuple[int, int]]:
    """For each row of kernels [out, in, kh, kw], the columns [left, right) that its weights other
    than 0 lie in; a row that has none counts as one column."""
    used = weights.any((0, 1))
    columns = (np.flatnonzero(row) for row in used)
    return [(int(row[0]), int(row[-1]) + 1) if row.size else (0, 1) for row in columns]


def channelwise_spans(
    inputs: list[tuple[list[Source], int]], *, stored: bool = False
) -> list[ChannelSpan]:
    """Sums of factor * value, channel by channel: one span per 16 channels.

    ``inputs``: the sources of every channel, and their factor. ``stored``: the stored codes count,
    not the values that they stand for.
    """
    channels = len(inputs[0][0])
    spans = []
    for first in range(0, channels, WORD_CHANNELS):
        stop = min(channels, first + WORD_CHANNELS)
        matrix: dict[tuple[str, int], np.ndarray] = {}
        used: dict[tuple[str, int], np.ndarray] = {}
        constant = np.zeros(stop - first, np.int64)
        picture = False
        for sources, factor in inputs:
            for row, (storage, channel) in enumerate(sources[first:stop]):
                key = storage.name, channel // WORD_CHANNELS
                if key not in matrix:
                    matrix[key] = np.zeros((stop - first, WORD_CHANNELS), np.int64)
                    used[key] = lanes_in_use(storage, key[1])
                step, offset = (1, 0) if stored else (storage.step, storage.offset)
                matrix[key][row, channel % WORD_CHANNELS] += factor * step
                constant[row] += factor * offset
                picture |= storage.kind == "picture"
        taps = tuple(
            Tap(index, 0, 0, weights, used[key])
            for index, (key, weights) in enumerate(matrix.items())
        )
        spans.append(ChannelSpan(first, stop, tuple(matrix), taps, constant, int(picture)))
    return spans


def over_window(span: ChannelSpan, window: Sequence[Offset]) -> ChannelSpan:
    """The span with its taps at every place of a window, which have the same weights there."""
    taps = (replace(tap, y=tap.y + y, x=tap.x + x) for y, x in window for tap in span.taps)
    return replace(span, taps=tuple(taps))


def span_of_turns(parts: Sequence[ChannelSpan]) -> tuple[ChannelSpan, tuple[tuple[int, ...], ...]]:
    """One span with the taps of several of its channels, and the numbers of each one's taps."""
    images = list(dict.fromkeys(image for part in parts for image in part.images))
    taps: list[Tap] = []
    turns = []
    for part in parts:
        turns.append(tuple(range(len(taps), len(taps) + len(part.taps))))
        taps += [replace(tap, image=images.index(part.images[tap.image])) for tap in part.taps]
    joined = replace(parts[0], images=tuple(images), taps=tuple(taps))
    return joined, tuple(turns)


def rows_of(thresholds: Thresholds | None, span: ChannelSpan) -> Thresholds | None:
    """The thresholds of a span's channels."""
    if thresholds is None:
        return None
    rows = slice(span.first, span.stop)
    return Thresholds(levels=thresholds.levels[rows], sign=thresholds.sign[rows])
