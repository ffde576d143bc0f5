"""RetinaNet and FCOS in small: a residual backbone, a feature pyramid, and heads that its levels
share, each with a normalisation of its own (AQD, Chen et al. 2021, section 3.3)."""

import numpy as np

from tests.samples.float_net import FloatNet

LEVELS = 3


class Pyramid(FloatNet):
    """``width``: channels of the pyramid and the heads; weights are random."""

    def __init__(self, size: int, width: int, seed: int = 1):
        super().__init__(shape=(1, 3, size, size), seed=seed)
        self.width = width
        #: Parameters of the convolutions that the levels share, by their names.
        self.shared: dict[str, np.ndarray] = {}

    def normalised(self, x: str, channels: int) -> str:
        """BatchNormalization with what a training would have left."""
        vectors = (
            self.rng.uniform(0.6, 1.4, channels), self.rng.normal(0, 0.2, channels),
            self.rng.normal(0, 0.1, channels), self.rng.uniform(0.5, 1.5, channels),
        )  # fmt: skip
        return self.node("BatchNormalization", x, *vectors)

    def block(self, x: str, depth: int, channels: int, stride: int) -> str:
        """A basic block of ResNet-18."""
        y = self.relu(
            self.normalised(self.conv(x, channels, depth, 3, strides=[stride] * 2), channels)
        )
        y = self.normalised(self.conv(y, channels, channels, 3), channels)
        if stride > 1 or depth != channels:
            x = self.conv(x, channels, depth, 1, strides=[stride] * 2)
            x = self.normalised(x, channels)
        return self.relu(self.node("Add", x, y))

    def levels(self, channels: tuple[int, ...]) -> list[str]:
        """Maps of the pyramid, the largest first."""
        x = self.conv("x", channels[0], 3, 7, strides=[2, 2])
        x = self.relu(self.normalised(x, channels[0]))
        x = self.node("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
        depth, stages = channels[0], []
        for stage, size in enumerate(channels):
            x = self.block(x, depth, size, 1 if stage == 0 else 2)
            depth = size
            stages.append(x)
        maps: list[str] = []
        for stage, size in list(zip(stages, channels, strict=True))[:0:-1]:
            side = self.conv(stage, self.width, size, 1)
            if maps:
                larger = self.node(
                    "Resize", maps[-1], "", self.constant([1, 1, 2, 2]), mode="nearest",
                    coordinate_transformation_mode="asymmetric", nearest_mode="floor",
                )  # fmt: skip
                side = self.node("Add", side, larger)
            maps.append(side)
        return [self.conv(x, self.width, self.width) for x in maps[::-1]]

    def shared_conv(self, name: str, x: str, channels: int) -> str:
        """A convolution with the weights that all levels have under ``name``."""
        if name not in self.shared:
            shape = channels, self.width, 3, 3
            self.shared[name] = self.rng.normal(0, 1 / np.sqrt(9 * self.width), shape)
        return self.node("Conv", x, self.shared[name], np.zeros(channels), pads=[1] * 4)

    def tower(self, name: str, x: str, depth: int = 2) -> str:
        for number in range(depth):
            y = self.shared_conv(f"{name}{number}", x, self.width)
            x = self.relu(self.normalised(y, self.width))
        return x


def retinanet(size: int = 32, channels=(8, 8, 16, 16), width: int = 8, classes: int = 3):
    """Anchors' classes and boxes of each level."""
    net = Pyramid(size, width)
    for x in net.levels(channels):
        net.outputs.append(
            net.node("Sigmoid", net.shared_conv("classes", net.tower("c", x), 9 * classes))
        )
        net.outputs.append(net.shared_conv("boxes", net.tower("b", x), 9 * 4))
    return net


def fcos(size: int = 32, channels=(8, 8, 16, 16), width: int = 8, classes: int = 3):
    """Classes, distances times a factor of the level, and centre-ness of each position."""
    net = Pyramid(size, width)
    for level, x in enumerate(net.levels(channels)):
        net.outputs.append(
            net.node("Sigmoid", net.shared_conv("classes", net.tower("c", x), classes))
        )
        side = net.tower("b", x)
        scaled = net.node("Mul", net.shared_conv("boxes", side, 4), np.float32(0.7 + 0.2 * level))
        net.outputs.append(net.node("Exp", scaled))
        net.outputs.append(net.node("Sigmoid", net.shared_conv("centre", side, 1)))
    return net
