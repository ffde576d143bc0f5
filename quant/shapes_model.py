"""The demo network: an anchor-based YOLO with a 1-bit backbone and a 4-bit neck and head.

Every tensor that travels between two layers is quantised, so the accelerator can run the network
layer for layer: pixels are 8-bit codes, backbone tensors are +1/-1, neck and head tensors are
unsigned 4-bit codes on one shared scale per tensor. Only the two detection maps stay real, and
they leave the network undecoded (``quant.detection`` decodes them).

The split into a 1-bit backbone and a 4-bit head follows the abstract of MPQ-YOLO (Liu et al.,
Neurocomputing 574, 2024, 127210); the layers are our own.
"""

import torch
from brevitas.core.scaling import ScalingImplType
from brevitas.nn import QuantConv2d, QuantIdentity, QuantReLU
from brevitas.quant import (
    Int8WeightPerChannelFloat,
    SignedBinaryActPerTensorConst,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.nn import functional as F

from quant.render import CLASSES

INPUT_SIZE = 160
STRIDES = (8, 16)
# Width and height in pixels per detection scale. Shapes are nearly as wide as they are high.
ANCHORS = (
    ((15.0, 15.0), (20.0, 20.0), (27.0, 27.0)),
    ((36.0, 36.0), (48.0, 48.0), (64.0, 64.0)),
)
OUTPUTS = ("detect8", "detect16")


class PixelQuant(Uint8ActPerTensorFloat):
    """8-bit unsigned at scale exactly 1/255: the codes are the picture's bytes."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 1.0  # the value of code 255


class BinaryWeight(SignedBinaryWeightPerTensorConst):
    """+1/-1. The forward pass clips the latent weights to [-1, 1], so they can still flip.

    BatchNorm follows every binary convolution, so a scale per channel would change nothing.
    """

    scaling_const = 1.0


class FourBitWeight(Int8WeightPerChannelFloat):
    """-7..7 with one scale per output channel, the channel's largest magnitude over 7."""

    bit_width = 4


class FourBitActivation(Uint8ActPerTensorFloat):
    """0..15 with one learned scale per tensor."""

    bit_width = 4


class _FastSign(torch.autograd.Function):
    """Sign whose gradient is that of a parabola joining -1 and +1 (Liu et al., Bi-Real Net, ECCV
    2018, section 3.3): 2 - 2|x| inside [-1, 1]."""

    @staticmethod
    def forward(context: FunctionCtx, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return (x >= 0).to(x.dtype).mul_(2).sub_(1)

    @staticmethod
    def backward(context: FunctionCtx, gradient: Tensor) -> Tensor:
        (x,) = context.saved_tensors
        return x.abs().mul_(-2).add_(2).clamp_(min=0).mul_(gradient)


class Sign(nn.Module):
    """+1 where x >= 0, else -1.

    Brevitas' quantiser is what is evaluated and exported; training takes the same values from
    ``_FastSign``, which has the better gradient and is faster.
    """

    def __init__(self):
        super().__init__()
        self.quant = QuantIdentity(act_quant=SignedBinaryActPerTensorConst)

    def forward(self, x: Tensor) -> Tensor:
        return _FastSign.apply(x) if self.training else self.quant(x)


class BinaryConv(nn.Module):
    """Pad with -1, 3x3 1-bit convolution, BatchNorm, optional 2x2 max pooling. No quantiser.

    Padding before a convolution that pads nothing keeps the border +1/-1: a convolution that pads
    would insert zeros, which a 1-bit tensor cannot hold.
    """

    def __init__(self, channels: int, filters: int, *, stride: int = 1, pool: bool = False):
        super().__init__()
        self.conv = QuantConv2d(
            channels, filters, 3, stride=stride, bias=False, weight_quant=BinaryWeight
        )
        self.norm = nn.BatchNorm2d(filters)
        self.pool = nn.MaxPool2d(2) if pool else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(self.norm(self.conv(F.pad(x, (1, 1, 1, 1), value=-1.0))))


class FourBitConv(nn.Module):
    """Zero-padded 4-bit convolution and BatchNorm. No quantiser."""

    def __init__(self, channels: int, filters: int, kernel: int, *, stride: int = 1):
        super().__init__()
        self.conv = QuantConv2d(
            channels,
            filters,
            kernel,
            stride=stride,
            padding=kernel // 2,
            bias=False,
            weight_quant=FourBitWeight,
        )
        self.norm = nn.BatchNorm2d(filters)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x))


def relu4() -> QuantReLU:
    """ReLU to an unsigned 4-bit code."""
    return QuantReLU(act_quant=FourBitActivation)


def detect(channels: int) -> QuantConv2d:
    """1x1 4-bit convolution with a real bias: anchor-major [anchors * (5 + classes)] logits."""
    filters = len(ANCHORS[0]) * (5 + len(CLASSES))
    layer = QuantConv2d(channels, filters, 1, bias=True, weight_quant=FourBitWeight)
    with torch.no_grad():
        # Objectness starts near the share of positive cells, so that the many empty cells do not
        # dominate the first steps (Lin et al., focal loss, 2017, section 4.1).
        layer.bias.zero_()
        layer.bias.view(len(ANCHORS[0]), -1)[:, 4] = -4.5
    return layer


class ShapesNet(nn.Module):
    """[n, 3, 160, 160] pixels / 255 -> logits [n, 30, 20, 20] (stride 8), [n, 30, 10, 10] (16)."""

    def __init__(self, width: int = 32):
        super().__init__()
        self.pixels = QuantIdentity(act_quant=PixelQuant)
        self.stem, self.stem_sign = FourBitConv(3, width, 3, stride=2), Sign()  # 80 x 80
        self.layer1, self.sign1 = BinaryConv(width, width, stride=2), Sign()  # 40 x 40
        self.layer2, self.sign2 = BinaryConv(width, width, pool=True), Sign()  # 20 x 20
        self.layer3, self.sign3 = BinaryConv(width, width), Sign()
        self.layer4, self.quant4 = BinaryConv(width, 2 * width, stride=2), relu4()  # 10 x 10
        self.lateral = FourBitConv(2 * width, width, 1)
        # The two inputs of the concatenation need one scale: one quantiser serves both.
        self.concat_quant = relu4()
        self.coarse, self.coarse_quant = FourBitConv(width, width // 2, 3), relu4()
        self.fuse, self.fuse_quant = FourBitConv(2 * width, width, 1), relu4()
        self.fine, self.fine_quant = FourBitConv(width, width, 3), relu4()
        self.detect8, self.detect16 = detect(width), detect(width // 2)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        # Rounding pixels matters to a picture's owner, not to training, and it takes time.
        x = x if self.training else self.pixels(x)
        x = self.stem_sign(self.stem(x))
        x = self.sign1(self.layer1(x))
        x = self.sign2(self.layer2(x))
        # Both the next backbone layer (as a sign) and the neck (as a 4-bit code) need this one.
        x = self.layer3(x)
        fine = self.concat_quant(x)
        x = self.quant4(self.layer4(self.sign3(x)))
        coarse = self.concat_quant(self.lateral(x))
        enlarged = F.interpolate(coarse, scale_factor=2.0, mode="nearest")
        fine = self.fuse_quant(self.fuse(torch.cat((enlarged, fine), dim=1)))
        fine = self.fine_quant(self.fine(fine))
        coarse = self.coarse_quant(self.coarse(coarse))
        return self.detect8(fine), self.detect16(coarse)
