"""Random networks in which every layer has widths of its own: weights and codes of 1 to 8 bits."""

from collections.abc import Iterator

import numpy as np

from golden.network import Convolution, Network
from tests.samples.networks import Builder
from tests.samples.qdq_net import QdqNet, zero_point


class MixedNet(QdqNet):
    """Draws widths, strides, kernels and functions layer by layer.

    ``widths``: pairs (bits of weights, bits of codes) that convolutions take in turn, before they
    draw their own.
    """

    def __init__(self, seed: int, widths: list[tuple[int, int]] | None = None):
        rng = np.random.default_rng(seed)
        super().__init__((1, 3, int(rng.integers(6, 13)), int(rng.integers(6, 15))), seed=seed)
        self.rng = rng
        self.widths = list(widths or [])

    def quantised(self, y: str, codes: int, size: float = 3.0) -> str:
        signed = bool(self.rng.integers(2))
        scale = size * self.rng.uniform(0.5, 2) / (1 << codes)
        return self.coded(y, scale, zero_point(self.rng, codes, signed), codes, signed)

    def function(self, y: str) -> str:
        """A function before the quantiser: limits, or what becomes a table behind another one."""
        kind = self.rng.choice(["", "", "Relu", "Clip"])
        if kind == "Clip":
            return self.node("Clip", y, self.constant(-0.5), self.constant(1.0))
        return self.node(kind, y) if kind else y

    def tabled(self, y: str, codes: int) -> str:
        """Codes of a curved function of codes."""
        y = self.quantised(y, codes)
        kind = self.rng.choice(["silu", "LeakyRelu", "HardSwish"])
        y = self.silu(y) if kind == "silu" else self.node(kind, y)
        return self.quantised(y, int(self.rng.integers(1, 9)))

    def layer(self, x: str, channels: int, depth: int, *, stride: int = 1, bits: int = 0) -> str:
        """A convolution, maybe a table behind it; its result has ``bits``, or any number."""
        drawn = tuple(int(n) for n in self.rng.integers(1, 9, 2))
        weights, codes = self.widths.pop(0) if self.widths else drawn
        group = int(self.rng.choice([1, 1, 1, channels])) if channels == depth else 1
        kernel = int(self.rng.choice([1, 3, 3, 5]))
        y = self.weighted(
            x, channels, depth, weights, kernel, per_channel=bool(self.rng.integers(2)),
            biased=bool(self.rng.integers(4)), strides=[stride, stride], group=group,
        )  # fmt: skip
        if not bits and self.rng.random() < 0.4:
            return self.tabled(y, codes)
        return self.quantised(self.function(y), bits or codes)


def mixed_net(seed: int, widths: list[tuple[int, int]] | None = None) -> MixedNet:
    """Six or more convolutions, a residual Add, a Concat, a pool and an enlargement."""
    net = MixedNet(seed, widths)
    bits = int(net.rng.integers(5, 9))
    channels = int(net.rng.choice([4, 8, 20]))
    x = net.layer(net.picture(), channels, 3)
    left = net.layer(x, channels, channels)
    right = net.layer(left, channels, channels)
    y = net.quantised(net.node("Add", left, right), bits, 5.0)
    down = net.layer(y, 2 * channels, channels, stride=2, bits=bits)
    up = net.layer(down, channels, 2 * channels, bits=bits)
    sizes = net.constant(np.array([1, 1, 2, 2], np.float32))
    up = net.node("Resize", up, "", sizes, mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="asymmetric")  # fmt: skip
    window = int(net.rng.choice([2, 3, 5]))
    before, behind = [window // 2] * 2, [(window - 1) // 2] * 2
    pooled = net.node(
        "MaxPool", up, kernel_shape=[window] * 2, strides=[1, 1], pads=before + behind
    )
    joined = net.quantised(net.node("Concat", up, pooled, axis=1), bits)
    z = net.layer(joined, 5, 2 * channels)
    net.result(z, 5)
    return net


def averaged_net(seed: int, scales: tuple[float, float], window: int = 2, **given) -> MixedNet:
    """AveragePool between two convolutions, of codes of 8 bits; ``scales``: of what it reads and
    gives."""
    net = MixedNet(seed)
    zeros = [int(net.rng.integers(60, 120)) for _ in scales]
    zeros[1] |= 1  # a zero point that is odd: halves are rounded to even before it is added
    x = net.coded(net.weighted(net.picture(), 4, 3, 4), scales[0], zeros[0])
    y = net.node("AveragePool", x, kernel_shape=[window, window], **given)
    net.result(net.coded(y, scales[1], zeros[1]), 4)
    return net


def layer_widths(network: Network) -> Iterator[tuple[int, int]]:
    """(bits of weights, bits of codes that they meet) of every convolution with weights."""
    for operator in network.operators:
        if isinstance(operator, Convolution):
            low, high = int(operator.weights.min()), int(operator.weights.max())
            yield max(max(high, -low - 1).bit_length() + 1, 1), network.tensors[operator.input].bits


def wide_moves(seed: int) -> tuple[Network, np.ndarray]:
    """The picture itself moved in every way that codes can be, and a picture for it."""
    b = Builder(seed, 7, 9)
    b.pool("in", "pooled", 3, 2, (1, 1, 1, 1))
    b.upsample("pooled", "enlarged")
    b.slice("in", "part", 1, 3)
    b.tensors["part"] = b.tensors["part"].__class__(**vars(b.tensors["part"]) | {"bits": 8})
    b.pool("part", "small", 2, 1)
    b.conv("enlarged", "head", 5, 3, raw=True)
    b.conv("small", "head2", 4, 3, weight_bits=8, raw=True)
    return b.network("head", "head2"), b.picture()
