"""A detector in the manner of YOLOv7-tiny: ELAN blocks, max-pools between stages, ReLU.

The widths and the order of blocks follow the public configuration of YOLOv7-tiny; ReLU stands for
its LeakyReLU, and the pyramid pooling is the chained form (SPPF), which computes the same windows.
"""

from torch import Tensor, nn

from quant.model.blocks import ELAN, SPPF, enlarge, pool
from quant.model.detector import Detect, Detector
from quant.model.features import concat
from quant.model.layers import Conv, Stem
from quant.model.policy import Policy
from quant.model.yolov5 import Size

SIZES = {
    "yolov7pico": Size(depth=1.0, width=0.25),
    "yolov7tiny": Size(depth=1.0, width=1.0),
}


class YoloV7Tiny(Detector):
    """[n, 3, h, w] pixels / 255 to logits at strides 8, 16 and 32; h and w multiples of 32."""

    def build(self, size: Size, policy: Policy) -> nn.ModuleDict:
        c = size.channels
        settings = {
            stage: {"policy": policy, "stage": stage} for stage in ("stem", "backbone", "neck")
        }

        def conv(name: str, *sizes: int, stage: str = "neck") -> Conv:
            return Conv(*sizes, name=f"model.{name}", **settings[stage])

        def elan(name: str, channels: int, hidden: int, filters: int, stage: str = "neck") -> ELAN:
            sizes = (channels, c(hidden), c(filters))
            return ELAN(*sizes, name=f"model.{name}", **settings[stage])

        return nn.ModuleDict(
            {
                "stem": Stem(3, c(32), 3, 2, name="model.stem", **settings["stem"]),
                "down": conv("down", c(32), c(64), 3, 2, stage="backbone"),
                "elan2": elan("elan2", c(64), 32, 64, "backbone"),
                "elan3": elan("elan3", c(64), 64, 128, "backbone"),
                "elan4": elan("elan4", c(128), 128, 256, "backbone"),
                "elan5": elan("elan5", c(256), 256, 512, "backbone"),
                "spp": SPPF(c(512), c(256), name="model.spp", **settings["backbone"]),
                "lateral5": conv("lateral5", c(256), c(128), 1),
                "route4": conv("route4", c(256), c(128), 1),
                "up4": elan("up4", 2 * c(128), 64, 128),
                "lateral4": conv("lateral4", c(128), c(64), 1),
                "route3": conv("route3", c(128), c(64), 1),
                "up3": elan("up3", 2 * c(64), 32, 64),
                "down3": conv("down3", c(64), c(128), 3, 2),
                "down4": elan("down4", 2 * c(128), 64, 128),
                "down5": conv("down5", c(128), c(256), 3, 2),
                "coarse": elan("coarse", 2 * c(256), 128, 256),
                "last3": conv("last3", c(64), c(128), 3),
                "last4": conv("last4", c(128), c(256), 3),
                "last5": conv("last5", c(256), c(512), 3),
                "detect": Detect(
                    (c(128), c(256), c(512)), self.map_channels, policy=policy, name="model.detect"
                ),
            }
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        m = self.model
        p2 = m["elan2"](m["down"](m["stem"](x)))
        p3 = m["elan3"](pool(p2, 2, 2))
        p4 = m["elan4"](pool(p3, 2, 2))
        p5 = m["spp"](m["elan5"](pool(p4, 2, 2)))
        up4 = m["up4"](concat(enlarge(m["lateral5"](p5)), m["route4"](p4)))
        fine = m["up3"](concat(enlarge(m["lateral4"](up4)), m["route3"](p3)))
        middle = m["down4"](concat(m["down3"](fine), up4))
        coarse = m["coarse"](concat(m["down5"](middle), p5))
        return m["detect"](m["last3"](fine), m["last4"](middle), m["last5"](coarse))
