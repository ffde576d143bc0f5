"""Operators of a float graph in PyTorch, against onnxruntime."""

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

import torch

from compiler.errors import UnsupportedError
from compiler.quantize.float_network import FloatNetwork, read_float_network
from compiler.quantize.observe import values
from quant.distilling.operators import OPERATORS, SIZES, convolution
from tests.samples.float_net import FloatNet


def split(net: FloatNet, x: str) -> list[str]:
    """Three channels, and the others."""
    net.node("Split", x, net.constant([3, 5], np.int64), axis=1)
    node = net.nodes[-1]
    node.output.append(f"{node.output[0]}_rest")
    return list(node.output)


CASES = {
    "leaky": lambda net, x: net.node("LeakyRelu", x, alpha=0.2),
    "clip": lambda net, x: net.node("Clip", x, net.constant(-0.5), net.constant(1.0)),
    "prelu": lambda net, x: net.node("PRelu", x, net.constant(np.full((8, 1, 1), 0.3))),
    "silu": lambda net, x: net.silu(x),
    "hardswish": lambda net, x: net.node("HardSwish", x),
    "hardsigmoid": lambda net, x: net.node("HardSigmoid", x, alpha=0.3, beta=0.4),
    "pool": lambda net, x: net.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2],
                                    pads=[0, 1, 1, 0]),
    "pool_ceil": lambda net, x: net.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2],
                                         ceil_mode=1),
    "resize": lambda net, x: net.node(
        "Resize", x, "", net.constant([1, 1, 2, 3]), mode="nearest",
        coordinate_transformation_mode="asymmetric", nearest_mode="floor"),
    "split": lambda net, x: net.node("Concat", *split(net, x)[::-1], axis=1),
    "slice": lambda net, x: net.node(
        "Slice", x, *(net.constant(each, np.int64) for each in ([1], [9], [2], [2]))),
    "shuffle": lambda net, x: net.node(
        "Reshape", net.node("Transpose", net.node(
            "Reshape", x, net.constant([1, 2, 4, 9, 9], np.int64)), perm=[0, 2, 1, 3, 4]),
        net.constant([0, 8, 9, 9], np.int64)),
    "arithmetic": lambda net, x: net.node(
        "Div", net.node("Sub", net.node("Add", x, net.node("Mul", x, x)), 0.25), 1.5),
    "same": lambda net, x: net.node(
        "Conv", x, net.rng.normal(0, 1, (8, 4, 3, 3)), auto_pad="SAME_UPPER", strides=[2, 2],
        group=2),
}  # fmt: skip


def computed(network: FloatNetwork, x: np.ndarray, wanted: str) -> np.ndarray:
    """One tensor, by the operators here."""
    found = {network.input: torch.from_numpy(x)}
    for node in network.nodes:
        if node.op_type == "Conv":
            weights, *bias = (torch.from_numpy(network.constants[name].copy())
                              for name in node.input[1:])  # fmt: skip
            found[node.output[0]] = convolution(
                node, found[node.input[0]], weights, *bias or [None]
            )
            continue
        operands = node.input[:1] if node.op_type in SIZES else node.input
        inputs = [
            found[t] if t in found else torch.from_numpy(network.constants[t].copy())
            for t in operands
        ]
        results = OPERATORS[node.op_type](node, inputs, network.constants)
        results = (results,) if isinstance(results, torch.Tensor) else results
        found.update(zip(node.output, results, strict=True))
    return found[wanted].numpy()


@pytest.mark.parametrize("case", CASES)
def test_as_onnxruntime_has_it(tmp_path, case):
    net = FloatNet(shape=(1, 3, 9, 9))
    x = CASES[case](net, net.conv("x", 8, 3))
    net.head(x, 8)
    network = read_float_network(net.save(tmp_path))
    image = np.random.default_rng(1).normal(0, 1, (1, 3, 9, 9)).astype(np.float32)
    heads = [node for node in network.nodes if node.op_type == "Conv"][-1].output[0]
    (wanted,) = values(network.model, [heads], [image], 1)
    np.testing.assert_allclose(computed(network, image, heads), wanted[heads], atol=1e-4)


def test_resize_by_odd_factors_is_refused():
    node = onnx.helper.make_node("Resize", ["x", "", "s"], ["y"], mode="nearest")
    constants = {"s": np.array([1, 1, 1.5, 1.5], np.float32)}
    with pytest.raises(UnsupportedError, match=r"Resize 'y' by factors .* cannot be trained"):
        OPERATORS["Resize"](node, [torch.zeros(1, 1, 2, 2)], constants)
