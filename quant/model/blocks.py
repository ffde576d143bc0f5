"""The blocks of the YOLOv5 and YOLOv7-tiny families, from quantised layers."""

from torch import nn
from torch.nn import functional as F

from quant.model.features import Feature, Moved, Taps, add, concat
from quant.model.layers import Conv
from quant.model.policy import Policy


class Bottleneck(nn.Module):
    """1x1 then 3x3 convolution, with a residual shortcut where ``shortcut``."""

    def __init__(self, channels: int, *, shortcut: bool, policy: Policy, stage: str, name: str):
        super().__init__()
        settings = {"policy": policy, "stage": stage}
        self.cv1 = Conv(channels, channels, 1, name=f"{name}.cv1", **settings)
        self.cv2 = Conv(channels, channels, 3, name=f"{name}.cv2", **settings)
        self.shortcut = shortcut
        # A sum of codes has its own readers; 1-bit layers' shortcuts carry more bits.
        bits = self.cv1.precision.activations
        self.carried = policy.shortcut if bits == 1 else bits
        if shortcut:
            self.taps = Taps(policy)

    def forward(self, x: Feature | Moved) -> Feature:
        y = self.cv2(self.cv1(x))
        return add(x, y, self.carried, self.taps) if self.shortcut else y


class C3(nn.Module):
    """Cross-stage partial block with three convolutions: cv3(concat(bottlenecks(cv1 x), cv2 x))."""

    def __init__(
        self,
        channels: int,
        filters: int,
        repeats: int,
        *,
        shortcut: bool = True,
        policy: Policy,
        stage: str,
        name: str,
    ):
        super().__init__()
        hidden = filters // 2
        settings = {"policy": policy, "stage": stage}
        self.cv1 = Conv(channels, hidden, 1, name=f"{name}.cv1", **settings)
        self.cv2 = Conv(channels, hidden, 1, name=f"{name}.cv2", **settings)
        self.cv3 = Conv(2 * hidden, filters, 1, name=f"{name}.cv3", **settings)
        self.m = nn.Sequential(
            *(
                Bottleneck(hidden, shortcut=shortcut, name=f"{name}.m.{i}", **settings)
                for i in range(repeats)
            )
        )

    def forward(self, x: Feature | Moved) -> Feature:
        return self.cv3(concat(self.m(self.cv1(x)), self.cv2(x)))


def pool(x: Feature | Moved, kernel: int, stride: int = 1) -> Moved:
    """Max-pooling of codes; a border never wins. Stride 1 keeps the size."""
    padding = kernel // 2 if stride == 1 else 0
    return Moved(lambda codes: F.max_pool2d(codes, kernel, stride, padding), x)


def enlarge(x: Feature | Moved) -> Moved:
    """Each code becomes two by two."""
    return Moved(lambda codes: F.interpolate(codes, scale_factor=2.0, mode="nearest"), x)


class SPPF(nn.Module):
    """Three chained 5x5 max-pools over half the channels, all four results concatenated."""

    def __init__(self, channels: int, filters: int, *, policy: Policy, stage: str, name: str):
        super().__init__()
        settings = {"policy": policy, "stage": stage}
        self.cv1 = Conv(channels, channels // 2, 1, name=f"{name}.cv1", **settings)
        self.cv2 = Conv(channels * 2, filters, 1, name=f"{name}.cv2", **settings)

    def forward(self, x: Feature | Moved) -> Feature:
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(pool(parts[-1], 5))
        return self.cv2(concat(*parts))


class ELAN(nn.Module):
    """YOLOv7-tiny's aggregation: two 1x1 branches, two 3x3 in a chain, all joined by a 1x1."""

    def __init__(
        self, channels: int, hidden: int, filters: int, *, policy: Policy, stage: str, name: str
    ):
        super().__init__()
        settings = {"policy": policy, "stage": stage}
        self.cv1 = Conv(channels, hidden, 1, name=f"{name}.cv1", **settings)
        self.cv2 = Conv(channels, hidden, 1, name=f"{name}.cv2", **settings)
        self.cv3 = Conv(hidden, hidden, 3, name=f"{name}.cv3", **settings)
        self.cv4 = Conv(hidden, hidden, 3, name=f"{name}.cv4", **settings)
        self.cv5 = Conv(4 * hidden, filters, 1, name=f"{name}.cv5", **settings)

    def forward(self, x: Feature | Moved) -> Feature:
        side, first = self.cv1(x), self.cv2(x)
        second = self.cv3(first)
        return self.cv5(concat(self.cv4(second), second, first, side))
