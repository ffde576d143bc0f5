"""A plain stack of 3x3 convolutions with two detection scales: small, and kind to 1-bit layers.

A 1-bit sum is as fine as it has inputs: a 1x1 convolution of 16 channels has 17 values, a 3x3 of 32
has 289. So the backbone has 3x3 layers only, without bottlenecks. The layers are our own, for
MPQ-YOLO's split (its backbone is redesigned too, but was not at hand).
"""

import math

from torch import Tensor, nn

from quant.model.blocks import enlarge, pool
from quant.model.detector import Detect, Detector
from quant.model.features import concat
from quant.model.layers import Conv, Stem
from quant.model.policy import Policy

#: Channels of the first layers.
SIZES = {"plain32": 32, "plain48": 48, "plain64": 64}


class PlainYolo(Detector):
    """[n, 3, h, w] pixels / 255 to logits at strides 8 and 16; h and w multiples of 16."""

    strides = (8, 16)

    def build(self, size: int, policy: Policy) -> nn.ModuleDict:
        w, half = size, math.ceil(size / 16) * 8

        def conv(name: str, *sizes: int, stage: str = "neck") -> Conv:
            return Conv(*sizes, policy=policy, stage=stage, name=f"model.{name}")

        return nn.ModuleDict(
            {
                "stem": Stem(3, w, 3, 2, policy=policy, stage="stem", name="model.stem"),
                "layer1": conv("layer1", w, w, 3, 2, stage="backbone"),
                "layer2": conv("layer2", w, w, 3, 1, stage="backbone"),
                "layer3": conv("layer3", w, w, 3, 1, stage="backbone"),
                "layer4": conv("layer4", w, 2 * w, 3, 2, stage="backbone"),
                "lateral": conv("lateral", 2 * w, w, 1),
                "coarse": conv("coarse", w, half, 3),
                "fuse": conv("fuse", 2 * w, w, 1),
                "fine": conv("fine", w, w, 3),
                "detect": Detect((w, half), self.map_channels, policy=policy, name="model.detect"),
            }
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        m = self.model
        fine = m["layer3"](pool(m["layer2"](m["layer1"](m["stem"](x))), 2, 2))
        coarse = m["lateral"](m["layer4"](fine))
        fine = m["fine"](m["fuse"](concat(enlarge(coarse), fine)))
        return m["detect"](fine, m["coarse"](coarse))
