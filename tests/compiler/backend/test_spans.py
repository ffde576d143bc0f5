"""Spans: convolutions cut by the input channels that they need, each tap once per image."""

import numpy as np
import pytest

from compiler.backend.spans import channelwise_spans, convolution_spans, picture_window
from compiler.backend.storage import Storage
from golden.network import Convolution


def storage(name="x", channels=20, kind="codes", step=1, offset=0):
    return Storage(
        name=name, tensor=name, kind=kind, channels=channels, height=8, width=8, bits=2, step=step,
        offset=offset,
    )  # fmt: skip


def sources(*storages):
    return [(each, channel) for each in storages for channel in range(each.channels)]


def convolution(weights, groups=1):
    return Convolution(
        name="conv", input="x", output="y", weights=weights, thresholds=None, groups=groups,
        pads=(1, 1, 1, 1),
    )  # fmt: skip


def dense(span, height, width):
    """Weights [outputs, image, kernel row, kernel column, lane] that the taps stand for."""
    found = np.zeros((span.stop - span.first, len(span.images), height, width, 16), int)
    for tap in span.taps:
        found[:, tap.image, tap.y + 1, tap.x + 1] += tap.weights
    return found


def test_a_convolution_is_one_span_whose_taps_are_its_weights():
    weights = np.random.default_rng(0).integers(-8, 8, (40, 20, 3, 3))
    (span,) = convolution_spans(convolution(weights), sources(storage()))
    assert (span.first, span.stop, span.images) == (0, 40, (("x", 0), ("x", 1)))
    found = dense(span, 3, 3)
    assert (found[:, 0] == weights[:, :16].transpose(0, 2, 3, 1)).all()
    assert (found[:, 1, ..., :4] == weights[:, 16:].transpose(0, 2, 3, 1)).all()
    assert all(tap.used.sum() == (16 if tap.image == 0 else 4) for tap in span.taps)


def test_a_depthwise_convolution_has_a_span_per_image():
    weights = np.random.default_rng(1).integers(1, 8, (40, 1, 3, 3))
    spans = convolution_spans(convolution(weights, groups=40), sources(storage(channels=40)))
    assert [(s.first, s.stop, s.images) for s in spans] == [
        (0, 16, (("x", 0),)), (16, 32, (("x", 1),)), (32, 40, (("x", 2),))
    ]  # fmt: skip
    for span in spans:
        for row in range(span.stop - span.first):
            found = dense(span, 3, 3)[row, 0]
            assert (found[..., row] == weights[span.first + row, 0]).all()
            assert not np.delete(found, row, axis=-1).any()


def test_taps_of_zeros_are_left_out_but_one_remains():
    weights = np.zeros((4, 20, 3, 3), int)
    (span,) = convolution_spans(convolution(weights), sources(storage()))
    assert [(tap.image, tap.y, tap.x) for tap in span.taps] == [(0, -1, -1)]
    weights[2, 17, 1, 2] = 5
    (span,) = convolution_spans(convolution(weights), sources(storage()))
    assert [(tap.y, tap.x) for tap in span.taps] == [(0, 1)]
    assert span.images == (("x", 1),)


def test_a_channel_that_is_read_twice_counts_twice():
    weights = np.array([[3, 4]]).reshape(1, 2, 1, 1)
    one = storage(channels=1)
    (span,) = convolution_spans(convolution(weights), [(one, 0), (one, 0)])
    assert span.taps[0].weights[0, 0] == 7


def test_steps_go_into_weights_where_they_differ_and_offsets_into_the_constant():
    weights = np.array([[3, 4]]).reshape(1, 2, 1, 1)
    parts = sources(storage("x", 1, step=2, offset=-1), storage("y", 1))
    (span,) = convolution_spans(convolution(weights), parts)
    assert [tap.weights[0, 0] for tap in span.taps] == [6, 4]
    assert span.constant.tolist() == [-3]


@pytest.mark.parametrize(("kernel", "window"), [(1, 1), (3, 3), (5, 5), (6, 3), (7, 4), (11, 4)])
def test_a_picture_packs_neighbouring_pixels(kernel, window):
    assert picture_window(kernel, 1) == window
    assert picture_window(kernel, 2) == 1
    weights = np.random.default_rng(2).integers(1, 8, (8, 3, kernel, kernel))
    picture = storage(channels=3, kind="picture")
    (span,) = convolution_spans(convolution(weights), sources(picture))
    assert span.window == window
    assert len(span.taps) == kernel * -(-kernel // window)
    assert sum(tap.weights.sum() for tap in span.taps) == weights.sum()


def test_channel_by_channel():
    x = storage(channels=20, step=2, offset=-1)
    first, second = channelwise_spans([(sources(x), 3), (sources(storage("y")), -2)])
    assert (first.images, second.images) == ((("x", 0), ("y", 0)), (("x", 1), ("y", 1)))
    assert (first.taps[0].weights == 6 * np.eye(16, dtype=int)).all()
    assert (second.taps[1].weights == -2 * np.eye(4, 16, dtype=int)).all()
    assert second.constant.tolist() == [-3] * 4
    (stored, _) = channelwise_spans([(sources(x), 1)], stored=True)
    assert (stored.taps[0].weights == np.eye(16, dtype=int)).all()
    assert not stored.constant.any()
