"""Random networks of integers only (docs/numerics.md, section 6)."""

import numpy as np
from onnx import ModelProto, TensorProto

from tests.samples.integer_net import IntegerNet


class RandomIntegers(IntegerNet):
    """Draws one network; ``shapes``: (channels, height, width) of every tensor of codes."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        channels = int(rng.choice([3, 3, 1, 2]))
        height, width = (int(n) for n in rng.integers(5, 15, 2))
        opset = int(rng.choice([13, 14, 15, 17, 19, 21]))
        super().__init__((1, channels, height, width), opset, seed)
        self.shapes = {"x": (channels, height, width)}

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def record(self, name: str, channels: int, height: int, width: int) -> str:
        self.shapes[name] = channels, height, width
        return name

    def block(self, x: str) -> str:
        """A convolution with any pads, stride and zero point, and its requantisation."""
        depth, height, width = self.shapes[x]
        channels = self.pick([3, 8, 16, 20])
        kernel = self.pick([n for n in (1, 1, 2, 3, 3, 4, 5) if n <= min(height, width)])
        pads = [kernel // 2] * 4
        if self.chance(0.3):
            pads = [int(self.rng.integers(0, kernel + 2)) for _ in range(4)]
        stride = self.pick([1, 1, 2])
        more: dict = {"pads": pads, "strides": [stride, stride]}
        groups = 1
        if self.chance(0.2) and depth > 1:
            channels = groups = depth
            more["group"] = groups
        if self.chance(0.3):
            more["zeros"] = (np.uint8(self.pick([0, 1, 7])),)
        weights = self.rng.integers(-8, 8, (channels, depth // groups, kernel, kernel))
        more["weights"] = weights.astype(np.int8)
        most = self.pick([1, 3, 7, 15])
        size = 150.0 if x == "x" else 4.0
        y = self.layer(x, channels, depth // groups, most=most, size=size, kernel=kernel, **more)
        sides = [
            (n + pads[i] + pads[i + 2] - kernel) // stride + 1
            for i, n in enumerate((height, width))
        ]
        return self.record(y, channels, *sides)

    def moved(self, x: str) -> str:
        """Codes through an operator that moves them."""
        channels, height, width = self.shapes[x]
        kind = self.pick(["pool", "pool", "enlarge", "concat", "part", "pad"])
        if kind == "pool" and min(height, width) >= 2:
            y = self.node("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
            return self.record(y, channels, height // 2, width // 2)
        if kind == "enlarge" and max(height, width) <= 12:
            roi, scales = self.constant(np.zeros(0)), self.constant([1, 1, 2, 2])
            y = self.node(
                "Resize", x, roi, scales, mode="nearest", nearest_mode="floor",
                coordinate_transformation_mode="asymmetric",
            )  # fmt: skip
            return self.record(y, channels, 2 * height, 2 * width)
        if kind == "concat":
            return self.record(self.node("Concat", x, x, axis=1), 2 * channels, height, width)
        if kind == "part" and channels > 1:
            stop = int(self.rng.integers(1, channels))
            bounds = [self.constant([n], np.int64) for n in (0, stop, 1)]
            return self.record(self.node("Slice", x, *bounds), stop, height, width)
        return x

    def skip(self, x: str) -> str:
        """x * p + y * q of codes and a convolution of them."""
        channels, height, width = self.shapes[x]
        y = self.layer(x, channels, channels, kernel=1)
        wide = [self.cast(t, TensorProto.INT32) for t in (x, y)]
        wide = [self.wide("Mul", t, int(self.rng.integers(1, 40)), np.int32) for t in wide]
        factor = self.rng.uniform(0.1, 0.5, channels) * 2**20
        y = self.requantise(self.node("Add", *wide), factor, 3, 24)
        return self.record(y, channels, height, width)

    def build(self) -> ModelProto:
        x = self.block("x")
        for _ in range(int(self.rng.integers(1, 4))):
            x = self.pick([self.block, self.block, self.moved, self.skip])(x)
            if min(self.shapes[x][1:]) < 2:
                break
        self.results(x, self.shapes[x][0], self.pick([5, 17]))
        if self.chance(0.2):
            self.outputs.append(x)
        return self.model()


def random_integer_model(seed: int) -> ModelProto:
    """A small random network of integers, the same for the same seed."""
    return RandomIntegers(seed).build()
