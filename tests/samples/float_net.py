"""Small float networks with all that a quantisation has to deal with, and pictures for them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper
from PIL import Image

from compiler.quantize.pictures import Pictures
from tests.samples.small_onnx import Net


class FloatNet(Net):
    """A ``Net`` whose convolutions have float weights and biases."""

    def conv(self, x: str, channels: int, depth: int, kernel: int = 3, **attributes) -> str:
        groups = attributes.get("group", 1)
        shape = channels, depth // groups, kernel, kernel
        weights = self.rng.normal(0, 1.5 / np.sqrt(np.prod(shape[1:])), shape)
        # Channels of different size, as they come out of a training.
        weights *= self.rng.uniform(0.3, 2, (channels, 1, 1, 1))
        attributes.setdefault("pads", [kernel // 2] * 4)
        return self.node("Conv", x, weights, self.rng.normal(0, 0.3, channels), **attributes)

    def model(self) -> onnx.ModelProto:
        """As exporters write it, with the types of its outputs."""
        model = super().model()
        del model.graph.output[:]
        model.graph.output.extend(
            helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, None, None, None])
            for name in self.outputs
        )
        return model

    def silu(self, x: str) -> str:
        return self.node("Mul", x, self.node("Sigmoid", x))

    def relu(self, x: str) -> str:
        return self.node("Relu", x)

    def leaky(self, x: str) -> str:
        return self.node("LeakyRelu", x, alpha=0.1)

    def activated(self, kind: str, x: str) -> str:
        return x if kind == "none" else getattr(self, kind)(x)


def branched(kind: str, size: int = 16, seed: int = 1) -> FloatNet:
    """A skip connection, a Concat of two, a depthwise convolution, pooling, Resize, two heads."""
    net = FloatNet(shape=(1, 3, size, size), seed=seed)
    x = net.activated(kind, net.conv("x", 8, 3))
    y = net.activated(kind, net.conv(x, 8, 8, group=8))
    y = net.activated(kind, net.conv(y, 8, 8, 1))
    y = net.node("Add", x, y)
    pooled = net.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    z = net.activated(kind, net.conv(pooled, 8, 8))
    scales = net.constant([1, 1, 2, 2])
    large = net.node(
        "Resize", z, "", scales, mode="nearest", coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )  # fmt: skip
    joined = net.node("Concat", y, large, axis=1)
    net.head(z, 8)
    net.head(net.activated(kind, net.conv(joined, 8, 16, 1)), 8)
    return net


def shuffled(seed: int = 1) -> FloatNet:
    """Channels of two convolutions exchanged by Reshape, Transpose and Reshape."""
    net = FloatNet(shape=(1, 3, 12, 12), seed=seed)
    x = net.relu(net.conv("x", 8, 3))
    for shape, order in (((1, 2, 4, 12, 12), (0, 2, 1, 3, 4)), ((1, 8, 12, 12), None)):
        x = net.node("Reshape", x, net.constant(shape, np.int64))
        x = x if order is None else net.node("Transpose", x, perm=order)
    net.head(net.relu(net.conv(x, 8, 8, group=2)), 8)
    return net


def doubled(seed: int = 1) -> FloatNet:
    """A map that a transposed convolution makes twice as large, joined with another one."""
    net = FloatNet(shape=(1, 3, 16, 16), seed=seed)
    x = net.relu(net.conv("x", 8, 3))
    small = net.relu(net.conv(x, 8, 8, strides=[2, 2]))
    weights = net.rng.normal(0, 0.4, (8, 6, 2, 2))
    large = net.node(
        "ConvTranspose", small, weights, net.rng.normal(0, 0.3, 6), strides=[2, 2], name="double"
    )
    net.head(net.relu(net.conv(net.node("Concat", x, large, axis=1), 8, 14, 1)), 8)
    return net


def blobs(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """A picture with smooth parts and noise: uint8 [height, width, 3]."""
    y, x = np.mgrid[:height, :width][..., None]
    waves = np.sin(y * rng.uniform(0.1, 0.9, 3) + x * rng.uniform(0.1, 0.9, 3))
    noise = rng.normal(0, 20, (height, width, 3))
    return np.clip(128 + 90 * waves + noise, 0, 255).astype(np.uint8)


def pictures_in(folder: Path, count: int = 6, size: int = 16) -> Path:
    """A folder of PNG pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    for number in range(count):
        Image.fromarray(blobs(rng, size, size)).save(folder / f"{number}.png")
    return folder


def pictures_of(folder: Path, count: int = 6, size: int = 16) -> Pictures:
    """The same, ready to be looked at."""
    files = tuple(sorted(pictures_in(folder, count, size).glob("*.png")))
    return Pictures(files=files, shape=(3, size, size))


def attentive(size: int = 8, seed: int = 1) -> FloatNet:
    """Attention between the places of a map, with a convolution of its values, as YOLO11 has it."""
    net = FloatNet(shape=(1, 3, size, size), seed=seed)
    x = net.silu(net.conv("x", 8, 3))
    flat = net.node("Reshape", net.conv(x, 12, 8, 1), net.constant([1, 12, -1], np.int64))
    sizes = net.constant([2, 2, 8], np.int64)
    q, k, v = net.node("Split", flat, sizes, axis=1, outputs=3)
    scores = net.node("MatMul", net.node("Transpose", q, perm=[0, 2, 1]), k)
    shares = net.node("Softmax", net.node("Mul", scores, 0.5), axis=-1)
    made = net.node("MatMul", v, net.node("Transpose", shares, perm=[0, 2, 1]))
    square = net.constant([1, 8, size, size], np.int64)
    placed = net.conv(net.node("Reshape", v, square), 8, 8, group=8)
    made = net.node("Add", net.node("Reshape", made, square), placed)
    x = net.node("Add", x, net.conv(made, 8, 8, 1))
    net.head(net.silu(net.conv(x, 8, 8)), 8)
    return net


def gated(size: int = 10, seed: int = 1) -> FloatNet:
    """Squeeze and excite: channels times a gate that is computed from their averages."""
    net = FloatNet(shape=(1, 3, size, size), seed=seed)
    x = net.relu(net.conv("x", 8, 3))
    gate = net.relu(net.conv(net.node("GlobalAveragePool", x), 4, 8, 1))
    gate = net.node("Sigmoid", net.conv(gate, 8, 4, 1))
    net.head(net.relu(net.conv(net.node("Mul", x, gate), 8, 8)), 8)
    return net
