"""A float network with depthwise 5 x 5 convolutions: ``python examples/depthwise5x5.py OUT``.

OUT is a folder; depthwise5x5_320.onnx is written into it. Inverted residuals as MobileNetV3 and
MnasNet have them (1 x 1, depthwise 5 x 5 with stride 1 or 2, 1 x 1, a sum where the shapes allow
it), ReLU, and a head of 255 channels at stride 16; random weights, the same each time. It is for
frames in RTL: what is found does not matter, what is computed does.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIDE, STEM, HEAD = 320, 16, 255
BLOCKS = ((48, 24, 2), (72, 24, 1), (96, 40, 2), (120, 40, 1), (160, 64, 2), (192, 64, 1))
"""Channels of the depthwise convolution, channels behind the block, stride."""


class Network:
    """Nodes and weights, in the order in which they are asked for."""

    def __init__(self, seed: int = 0):
        self.rng = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []

    def node(self, kind: str, *inputs: str, **attributes) -> str:
        """A node with one result, whose name is returned."""
        name = f"{kind.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x: str, shape: tuple[int, ...], **attributes) -> str:
        """A convolution of random weights [outputs, inputs of a group, rows, columns]."""
        values = {
            "weight": self.rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape),
            "bias": self.rng.normal(0, 0.1, shape[0]),
        }
        names = []
        for role, value in values.items():
            names.append(f"conv{len(self.nodes)}.{role}")
            self.weights.append(numpy_helper.from_array(value.astype(np.float32), names[-1]))
        pads = [shape[2] // 2] * 4
        return self.node("Conv", x, *names, kernel_shape=[*shape[2:]], pads=pads, **attributes)

    def block(self, x: str, inside: int, before: int, behind: int, stride: int) -> str:
        """An inverted residual."""
        y = self.node("Relu", self.conv(x, (inside, before, 1, 1)))
        y = self.conv(y, (inside, 1, 5, 5), group=inside, strides=[stride, stride])
        y = self.conv(self.node("Relu", y), (behind, inside, 1, 1))
        return self.node("Add", x, y) if stride == 1 and before == behind else y


def model(size: int = SIDE) -> onnx.ModelProto:
    """The whole network, for pictures of ``size`` x ``size``, a multiple of 16."""
    net = Network()
    x = net.node("Relu", net.conv("images", (STEM, 3, 3, 3), strides=[2, 2]))
    channels, side = STEM, size // 2
    for inside, behind, stride in BLOCKS:
        x = net.block(x, inside, channels, behind, stride)
        channels, side = behind, side // stride
    x = net.conv(x, (HEAD, channels, 1, 1))
    graph = helper.make_graph(
        net.nodes,
        "depthwise5x5",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, [1, 3, size, size])],
        [helper.make_tensor_value_info(x, TensorProto.FLOAT, [1, HEAD, side, side])],
        net.weights,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    return made


if __name__ == "__main__":
    onnx.save(model(), Path(sys.argv[1]) / f"depthwise5x5_{SIDE}.onnx")
