"""A few lines make a small network of integers only, spelled as docs/numerics.md recommends."""

import numpy as np
from onnx import ModelProto, TensorProto

from tests.samples.small_onnx import Net


class IntegerNet(Net):
    """A ``Net`` whose picture is uint8 and whose constants are integers."""

    def convolution(
        self, x: str, channels: int, depth: int, kernel: int = 3, *, weights=None, zeros=(), **more
    ) -> str:
        """ConvInteger with random 4-bit weights; ``zeros``: arrays of the zero points.

        Attributes that are None are left out.
        """
        if weights is None:
            weights = self.rng.integers(-8, 8, (channels, depth, kernel, kernel)).astype(np.int8)
        more = {"pads": [kernel // 2] * 4} | more
        more = {name: value for name, value in more.items() if value is not None}
        zeros = [zero if zero is None else self.constant(zero, zero.dtype) for zero in zeros]
        names = ["" if zero is None else zero for zero in zeros]
        return self.node("ConvInteger", x, self.constant(weights, weights.dtype), *names, **more)

    def cast(self, x: str, kind: int) -> str:
        return self.node("Cast", x, to=kind)

    def wide(self, op: str, x: str, values, kind: type, **attributes) -> str:
        """An operator with one constant, of a value or one per channel."""
        values = np.asarray(values).astype(kind)
        shape = (1, -1, 1, 1) if values.ndim == 1 else ()
        return self.node(op, x, self.constant(values.reshape(shape), kind), **attributes)

    def requantise(self, x: str, factor, offset=0, shift=24, most: int = 15) -> str:
        """min((max(x * sign + offset, 0) * factor + half) >> shift, most) of int32 ``x``, as uint8.

        ``sign`` is that of ``factor``.
        """
        factor, shift = np.asarray(factor, np.int64), np.asarray(shift, np.int64)
        if (factor < 0).any():
            x = self.wide("Mul", x, np.where(factor < 0, -1, 1), np.int32)
        x = self.wide("Max", self.wide("Add", x, offset, np.int32), 0, np.int32)
        x = self.wide("Mul", self.cast(x, TensorProto.UINT64), np.abs(factor), np.uint64)
        x = self.wide("Add", x, 1 << (shift - 1), np.uint64)
        x = self.wide("BitShift", x, shift, np.uint64, direction="RIGHT")
        x = self.wide("Min", x, most, np.uint64)
        return self.cast(x, TensorProto.UINT8)

    def layer(self, x: str, channels: int, depth: int, *, most: int = 15, size=4.0, **more) -> str:
        """A convolution and a requantisation that differs from channel to channel.

        ``size``: of the input's integers; some channels fall.
        """
        spread = size * 5 * (depth * more.get("kernel", 3) ** 2) ** 0.5
        shift = self.rng.integers(18, 34, channels)
        factor = 2.0**shift * most / (2 * spread) * self.rng.uniform(0.5, 1, channels)
        factor *= np.where(self.rng.random(channels) < 0.25, -1, 1)
        offset = self.rng.normal(spread / 2, spread / 2, channels)
        x = self.convolution(x, channels, depth, **more)
        return self.requantise(x, factor, offset, shift, most)

    def results(self, x: str, depth: int, channels: int = 5) -> None:
        """int32 accumulators with a bias as the network's output."""
        bias = self.rng.integers(-500, 500, channels)
        x = self.convolution(x, channels, depth, 1)
        self.outputs.append(self.wide("Add", x, bias, np.int32))

    def model(self) -> ModelProto:
        model = super().model()
        model.graph.input[0].type.tensor_type.elem_type = TensorProto.UINT8
        return model


def begun(**options) -> tuple[IntegerNet, str]:
    """Picture, convolution to 8 channels, 4-bit codes."""
    net = IntegerNet(**options)
    return net, net.layer("x", 8, 3, size=150)
