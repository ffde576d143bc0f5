"""Heads are found in the shapes of tails that real detectors have."""

import numpy as np
import pytest

from compiler.frontend.reader.onnx_reader import load_model
from compiler.frontend.split.heads import heads_of
from tests.samples.small_onnx import Net, quantised_net
from tests.samples.tails import anchor_free, anchors, begun, distribution


@pytest.mark.parametrize("tail", [anchors, anchor_free, distribution])
def test_heads_of_detectors(tail):
    net, x = begun()
    heads = tail(net, x)
    assert heads_of(net.model()) == heads


def test_a_convolution_behind_another_is_no_head():
    net, x = quantised_net()
    first = net.conv(x, 8, 8)
    second = net.conv(net.node("Sigmoid", first), 4, 8, 1)
    net.outputs += [net.node("Sigmoid", second), net.node("Relu", first)]
    assert heads_of(net.model()) == (second,)


def test_transposed_convolutions_count():
    net, x = quantised_net()
    x = net.node("ConvTranspose", x, np.ones((8, 4, 2, 2)), strides=[2, 2])
    net.outputs.append(net.node("Sigmoid", x))
    assert heads_of(net.model()) == (x,)


def test_a_shape_is_no_way_from_one_convolution_to_another():
    net, x = quantised_net()
    first = net.conv(x, 4, 8, 1)
    second = net.conv(x, 6, 8, 1)
    flat = net.node("Reshape", second, net.node("Shape", first))
    net.outputs += [first, flat]
    assert heads_of(net.model()) == (first, second)


def test_weights_are_not_the_picture():
    """Quantised weights come through nodes of the graph; they make nothing a head or not."""
    net, x = quantised_net()
    weights = net.node("DequantizeLinear", net.constant(np.ones((4, 8, 1, 1)), np.int8), 0.5)
    head = net.node("Conv", x, weights)
    net.outputs.append(net.node("Sigmoid", head))
    assert heads_of(net.model()) == (head,)


def test_no_convolution():
    net = Net()
    net.outputs.append(net.node("Relu", "x"))
    assert heads_of(net.model()) == ()


@pytest.mark.real
@pytest.mark.parametrize(
    ("file", "count"),
    [("yolov5n_640_fp32_folded", 3), ("yolov8n_640_qdq_int8_minmax", 6),
     ("ultranet_w4a4_muladd", 1), ("mnv2nano_coco_fp32", 2), ("espcn_w4a4_qonnx", 1),
     ("tfc_w1a1_qonnx", 0)],
)  # fmt: skip
def test_published_networks(real_data, file, count):
    assert len(heads_of(load_model(real_data / "models" / f"{file}.onnx"))) == count
