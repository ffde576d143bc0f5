"""Layers whose weights and inputs have as many bits as the policy says, float included.

Module names follow YOLOv5's (``conv``, ``bn``), so that its weights load by name.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from quant.model.features import Feature, Moved, Taps
from quant.model.integer_norm import IntegerNorm
from quant.model.policy import FLOAT, Policy, Precision
from quant.quantisers.base import round_through
from quant.quantisers.binary import BinaryWeight
from quant.quantisers.integer_nodes import integer_sums
from quant.quantisers.onnx_nodes import QuantNode

#: Padding of a 1-bit tensor: a +-1 tensor cannot hold the zeros that Conv would insert.
BINARY_PAD = -1.0


class PixelQuant(nn.Module):
    """The picture's bytes / 255: rounds to them in evaluation; training need not."""

    def forward(self, x: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():
            return QuantNode.apply(x, torch.tensor(1 / 255), 0.0, 8, False, False)
        return x if self.training else torch.round(x * 255) / 255

    def spacing(self) -> float:
        """Distance between neighbouring values."""
        return 1 / 255


class LearnedReLU(nn.Module):
    """RPReLU (Liu et al., ReActNet, ECCV 2020, equation 4): PReLU between two learned shifts.

    slope * min(x + in, 0) + max(x + in, 0) + out, per channel. Slopes are kept above 0, because a
    threshold unit computes functions that rise or fall, not both.
    """

    def __init__(self, channels: int):
        super().__init__()
        shape = (1, channels, 1, 1)
        self.shift_in, self.shift_out = (nn.Parameter(torch.zeros(shape)) for _ in range(2))
        self.slope = nn.Parameter(torch.full((channels,), 0.25))

    def forward(self, x: Tensor) -> Tensor:
        return F.prelu(x + self.shift_in, self.slope.clamp_min(1e-3)) + self.shift_out


class Correction(nn.Module):
    """gain * h + offset per channel, between convolution and normalisation (see ``correction``)."""

    def __init__(self, channels: int):
        super().__init__()
        shape = (1, channels, 1, 1)
        self.gain = nn.Parameter(torch.ones(shape))
        self.offset = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.gain * x + self.offset


class QuantisedConvolution(nn.Module):
    """What every convolution here shares: reads a feature at its width, with quantised weights.

    ``pad_value`` is the value of positions outside the map: -1 for 1-bit inputs, else 0; it is a
    property of the layer and appears in the exported graph.
    """

    def __init__(self, conv: nn.Conv2d, policy: Policy, precision: Precision):
        super().__init__()
        self.conv, self.precision = conv, precision
        self.pad_value = BINARY_PAD if precision.activations == 1 else 0.0
        self.correction = nn.Identity()
        if precision.weights == 1:
            self.weight_quant = BinaryWeight(conv.out_channels)
        elif precision.weights == FLOAT:
            self.weight_quant = nn.Identity()
        else:
            self.weight_quant = policy.weight(precision.weights, conv.out_channels)

    def convolve(self, x: Tensor, bias: Tensor | None) -> Tensor:
        """The convolution of an already quantised tensor."""
        padding = self.conv.padding
        if self.pad_value and any(padding):
            (tall, wide), padding = padding, (0, 0)
            x = F.pad(x, (wide, wide, tall, tall), value=self.pad_value)
        weight = self.weight_quant(self.conv.weight)
        y = F.conv2d(x, weight, bias, self.conv.stride, padding, 1, self.conv.groups)
        return self.correction(y)

    def grid(self, x: Feature | Moved) -> Tensor:
        """The unit of this layer's sums: its input's step times its weights'."""
        return x.scale(self.precision.activations) * self.weight_scale()

    def weight_scale(self) -> Tensor:
        """The weights' step, chosen now if it has not been yet."""
        if not self.weight_quant.started:
            with torch.no_grad():
                self.weight_quant(self.conv.weight)
        return self.weight_quant.scale()


class Conv(QuantisedConvolution):
    """Convolution, normalisation, activation: Feature in, Feature out.

    The activation is ReLU, or RPReLU where the weights have 1 bit. ``stage`` and ``name`` are what
    the policy decides by.
    """

    def __init__(
        self,
        channels: int,
        filters: int,
        kernel: int = 1,
        stride: int = 1,
        padding: int | None = None,
        *,
        policy: Policy,
        stage: str,
        name: str,
        groups: int = 1,
    ):
        padding = kernel // 2 if padding is None else padding
        conv = nn.Conv2d(channels, filters, kernel, stride, padding, groups=groups, bias=False)
        super().__init__(conv, policy, policy.of(stage, name))
        # YOLOv5's values, so that its weights mean the same here.
        kind = IntegerNorm if policy.integer else nn.BatchNorm2d
        self.bn = kind(filters, eps=1e-3, momentum=0.03)
        self.act = LearnedReLU(filters) if self.precision.weights == 1 else nn.ReLU()
        self.taps = Taps(policy)

    def forward(self, x: Feature | Moved) -> Feature:
        codes = x.at(self.precision.activations)
        if isinstance(self.bn, IntegerNorm) and self.taps.planned:
            return self.integer(codes, self.grid(x))
        return Feature(self.act(self.bn(self.convolve(codes, None))), self.taps)

    def integer(self, x: Tensor, grid: Tensor) -> Feature:
        """The same with a normalisation that adds an integer to sums in units of ``grid``."""
        if torch.onnx.is_in_onnx_export():
            sign, added, unit = self.bn.integers(grid)
            weight = self.weight_quant.codes(self.conv.weight) * sign
            return Feature(
                integer_sums(x, weight, sign.flatten() * added, self.conv), self.taps, unit
            )
        y, unit = self.bn.in_units(self.convolve(x, None), grid)
        return Feature(self.act(y), self.taps, unit)


class Stem(Conv):
    """The first convolution: reads the picture's bytes."""

    def __init__(self, *sizes: int, **options: object):
        super().__init__(*sizes, **options)
        self.pixels = PixelQuant()

    def forward(self, x: Tensor) -> Feature:
        if isinstance(self.bn, IntegerNorm) and self.taps.planned:
            # Exported, the picture's bytes themselves come in.
            x = x if torch.onnx.is_in_onnx_export() else self.pixels(x)
            return self.integer(x, self.weight_scale() / 255)
        if self.precision.weights != FLOAT:
            x = self.pixels(x)
        return Feature(self.act(self.bn(self.convolve(x, None))), self.taps)


class DetectionConv(QuantisedConvolution):
    """1x1 convolution with a real bias: raw logits, which leave the network unquantised."""

    def __init__(self, channels: int, filters: int, *, policy: Policy, name: str):
        super().__init__(nn.Conv2d(channels, filters, 1), policy, policy.of("head", name))
        self.integer = policy.integer
        #: Unit of the exported integers, known after a pass.
        self.unit = 1.0

    def forward(self, x: Feature | Moved) -> Tensor:
        codes = x.at(self.precision.activations)
        if not self.integer or codes is x.at(FLOAT):
            return self.convolve(codes, self.conv.bias)
        grid = self.grid(x)
        self.unit = float(grid.detach())
        added = round_through(self.conv.bias / grid)
        if torch.onnx.is_in_onnx_export():
            weight = self.weight_quant.codes(self.conv.weight)
            return integer_sums(codes, weight, added, self.conv)
        return self.convolve(codes, added * grid)
