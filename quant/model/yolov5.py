"""The YOLOv5 family: layout of release 6.0, with ReLU, in any precision.

Layers are numbered as in that release (0-9 backbone, 10-23 neck, 24 detection), so its weights load
by name. ReLU stands where the release has SiLU: an unsigned code has no use for SiLU's small
negative lobe, and the accelerator computes ReLU by thresholds alone.
"""

import math
from dataclasses import dataclass

from torch import Tensor, nn

from quant.model.blocks import C3, SPPF, enlarge
from quant.model.detector import Detect, Detector
from quant.model.features import concat
from quant.model.layers import Conv, Stem
from quant.model.policy import Policy


@dataclass(frozen=True, kw_only=True)
class Size:
    """Multiples of the layout's repeats and channels."""

    depth: float
    width: float

    def repeats(self, count: int) -> int:
        return max(round(count * self.depth), 1)

    def channels(self, count: int) -> int:
        """Rounded up to a multiple of 8."""
        return math.ceil(count * self.width / 8) * 8


SIZES = {
    "yolov5pico": Size(depth=0.33, width=0.125),
    "yolov5n": Size(depth=0.33, width=0.25),
    "yolov5s": Size(depth=0.33, width=0.50),
}


class YoloV5(Detector):
    """[n, 3, h, w] pixels / 255 to logits at strides 8, 16 and 32; h and w multiples of 32."""

    def build(self, size: Size, policy: Policy) -> nn.ModuleDict:
        """The layers by number."""
        c = size.channels

        def stage(number: int) -> str:
            return "stem" if number == 0 else "backbone" if number < 10 else "neck"

        def conv(number: int, *sizes: int, kind: type = Conv) -> Conv:
            place = {"stage": stage(number), "name": f"model.{number}"}
            return kind(*sizes, policy=policy, **place)

        def c3(number: int, channels: int, filters: int, repeats: int) -> C3:
            place = {"stage": stage(number), "name": f"model.{number}"}
            count = size.repeats(repeats)
            return C3(channels, filters, count, shortcut=number < 10, policy=policy, **place)

        c1, c2, c3_, c4, c5 = (c(count) for count in (64, 128, 256, 512, 1024))
        layers = {
            0: conv(0, 3, c1, 6, 2, 2, kind=Stem),
            1: conv(1, c1, c2, 3, 2),
            2: c3(2, c2, c2, 3),
            3: conv(3, c2, c3_, 3, 2),
            4: c3(4, c3_, c3_, 6),
            5: conv(5, c3_, c4, 3, 2),
            6: c3(6, c4, c4, 9),
            7: conv(7, c4, c5, 3, 2),
            8: c3(8, c5, c5, 3),
            9: SPPF(c5, c5, policy=policy, stage="backbone", name="model.9"),
            10: conv(10, c5, c4, 1),
            13: c3(13, 2 * c4, c4, 3),
            14: conv(14, c4, c3_, 1),
            17: c3(17, 2 * c3_, c3_, 3),
            18: conv(18, c3_, c3_, 3, 2),
            20: c3(20, 2 * c3_, c4, 3),
            21: conv(21, c4, c4, 3, 2),
            23: c3(23, 2 * c4, c5, 3),
            24: Detect((c3_, c4, c5), self.map_channels, policy=policy, name="model.24"),
        }
        return nn.ModuleDict({str(number): layer for number, layer in layers.items()})

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        at = {int(number): layer for number, layer in self.model.items()}
        p3 = at[4](at[3](at[2](at[1](at[0](x)))))
        p4 = at[6](at[5](p3))
        p5 = at[9](at[8](at[7](p4)))
        lateral5 = at[10](p5)
        lateral4 = at[14](at[13](concat(enlarge(lateral5), p4)))
        fine = at[17](concat(enlarge(lateral4), p3))
        middle = at[20](concat(at[18](fine), lateral4))
        coarse = at[23](concat(at[21](middle), lateral5))
        return at[24](fine, middle, coarse)
