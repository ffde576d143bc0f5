"""A few lines make a network of QuantizeLinear and DequantizeLinear, any layer of any width."""

import numpy as np

from tests.samples.small_onnx import Net


class QdqNet(Net):
    """A ``Net`` whose tensors are quantised as onnxruntime's own tool quantises them."""

    def __init__(self, shape: tuple = (1, 3, 10, 10), opset: int = 17, seed: int = 1):
        super().__init__(shape, opset, seed)
        #: Scale and zero point of what DequantizeLinear gives.
        self.scales: dict[str, tuple[np.float32, int]] = {}

    def coded(self, x: str, scale: float, zero: int, bits: int = 8, signed: bool = False) -> str:
        """QuantizeLinear, Clip for fewer than 8 bits, DequantizeLinear."""
        kind = np.int8 if signed else np.uint8
        scale = np.float32(scale)
        parameters = [self.constant(scale), self.constant(zero, kind)]
        y = self.node("QuantizeLinear", x, *parameters)
        if bits < 8:
            low = -(1 << (bits - 1)) if signed else 0
            ends = low, low + (1 << bits) - 1
            y = self.node("Clip", y, *(self.constant(end, kind) for end in ends))
        y = self.node("DequantizeLinear", y, *parameters)
        self.scales[y] = scale, zero
        return y

    def picture(self) -> str:
        return self.coded("x", 1 / 255, 0)

    def integers(self, shape: tuple, bits: int) -> np.ndarray:
        """Random weights of so many bits: odd ones for a single bit."""
        if bits == 1:
            return self.rng.choice([-1, 1], shape)
        half = 1 << (bits - 1)
        return self.rng.integers(-half, half, shape)

    def weighted(
        self, x: str, channels: int, depth: int, bits: int = 8, kernel: int = 3, *,
        per_channel: bool = True, biased: bool = True, **attributes,
    ) -> str:  # fmt: skip
        """Conv with int8 weights and an int32 bias, both through DequantizeLinear."""
        groups = attributes.get("group", 1)
        integers = self.integers((channels, depth // groups, kernel, kernel), bits)
        size = channels if per_channel else 1
        steps = self.rng.uniform(0.5, 2, size).astype(np.float32) / np.float32(1 << bits)
        steps = steps if per_channel else steps[0]
        zero = self.constant(np.zeros(np.shape(steps)), np.int8)
        axis = {"axis": 0} if per_channel else {}
        weights = self.node(
            "DequantizeLinear", self.constant(integers, np.int8), self.constant(steps), zero, **axis
        )
        operands = [x, weights]
        if biased:
            units = steps * self.scales[x][0]
            values = np.rint(self.rng.normal(0, 0.3, channels) / units).astype(np.int64)
            zero = self.constant(np.zeros(np.shape(units)), np.int32)
            operands.append(
                self.node(
                    "DequantizeLinear",
                    self.constant(values, np.int32),
                    self.constant(units.astype(np.float32)),
                    zero,
                    **axis,
                )
            )
        attributes.setdefault("pads", [kernel // 2] * 4)
        return self.node("Conv", *operands, **attributes)

    def result(self, x: str, depth: int, channels: int = 5) -> None:
        """A 1x1 convolution as the network's output."""
        self.outputs.append(self.weighted(x, channels, depth, 8, 1))

    def silu(self, x: str) -> str:
        return self.node("Mul", x, self.node("Sigmoid", x))


def zero_point(rng: np.random.Generator, bits: int, signed: bool) -> int:
    """A zero point inside the range of so many bits."""
    low = -(1 << (bits - 1)) if signed else 0
    return int(rng.integers(low, low + (1 << bits)))
