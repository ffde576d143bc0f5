"""Random operators that move values: convolutions of any geometry, pools, parts, enlargement."""

import numpy as np
from onnx import helper

from tests.random_networks.functions import Functions
from tests.random_networks.sketch import Feature

KERNELS = [1, 1, 3, 3, 3, 2, 4, 5, 6, 7]


class Moves(Functions):
    """Writes convolutions and what moves values without changing them."""

    def padding(self, kernel: list[int], dilations: list[int]) -> list[int] | None:
        """(top, left, bottom, right): as usual, none, any up to the kernel or beyond; None: by
        auto_pad."""
        reach = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
        way = self.pick(["same"] * 5 + ["auto", "none", "any", "any", "beyond"])
        if way == "auto" and max(dilations) == 1:
            return None
        if way == "none":
            return [0, 0, 0, 0]
        if way == "any":
            return [int(self.rng.integers(0, reach[i % 2] + 1)) for i in range(4)]
        if way == "beyond":
            return [int(self.rng.integers(0, reach[i % 2] + 3)) for i in range(4)]
        return [(reach[i % 2] + (i < 2)) // 2 for i in range(4)]

    def conv(
        self, x: Feature, channels: int, *, stride: int | None = None, k=None, grouped: bool = True
    ) -> Feature:
        """A convolution; its sums are not quantised. Given ``k``, it keeps the size."""
        plain = k is not None
        dilations = [1, 1]
        if k is None:
            room = [x.height, x.width]
            k = [int(min(self.pick(KERNELS), n)) for n in room]
            if self.chance(0.7):
                k = [min(k)] * 2
            if self.chance(0.15):
                dilations = [
                    self.pick([1, 2, 3]) if (n - 1) * 3 < size else 1
                    for n, size in zip(k, room, strict=True)
                ]
        strides = [stride, stride]
        if stride is None:
            strides = [self.pick([1, 1, 2])] * 2 if self.chance(0.9) else [1, 2]
        groups = 1
        if grouped and channels == x.channels and self.chance(0.3):
            groups = channels
        elif grouped and channels % 2 == 0 and x.channels % 2 == 0 and self.chance(0.2):
            groups = 2
        weights, size = self.weights((channels, x.channels // groups, *k))
        inputs = [x.name, weights]
        attributes: dict = {"strides": strides}
        if self.chance(0.8):
            attributes["kernel_shape"] = k
        pads = [(n - 1) // 2 for n in k] * 2 if plain else self.padding(k, dilations)
        if pads is None:
            attributes["auto_pad"] = self.pick(["SAME_UPPER", "SAME_LOWER"])
        elif x.is_bipolar and self.chance(0.5) and any(pads):
            inputs[0] = self.pad(x.name, pads, -x.quantiser[1])
        elif any(pads) and self.chance(0.15) and self.levels(x):
            inputs[0] = self.pad(x.name, pads, self.pick(self.levels(x)))
        elif any(pads):
            attributes["pads"] = pads
        if dilations != [1, 1]:
            attributes["dilations"] = dilations
        if groups > 1:
            attributes["group"] = groups
        if self.chance(0.3):
            bias = self.rng.normal(0, x.size * size, channels)
            inputs.append(self.constant(self.dyadic_round(bias)))
        name = self.node("Conv", inputs, **attributes)
        shape = []
        for axis, n in enumerate((x.height, x.width)):
            room = n if pads is None else n + pads[axis] + pads[axis + 2] - (k[axis] - 1) * (
                dilations[axis])  # fmt: skip
            shape.append(-(-room // strides[axis]))
        taps = x.channels // groups * k[0] * k[1]
        return Feature(name, channels, *shape, x.size * size * taps**0.5)

    def average(self, x: Feature) -> Feature:
        """Mean of windows of one size, or of everything; not quantised."""
        attributes: dict = {"kernel_shape": [2, 2], "strides": [2, 2]}
        if self.chance(0.4):
            attributes = {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}
            return self.like(x, self.node("AveragePool", [x.name], **attributes))
        if min(x.height, x.width) < 2:
            return x
        name = self.node("AveragePool", [x.name], **attributes)
        return Feature(name, x.channels, x.height // 2, x.width // 2, x.size)

    def pool(self, x: Feature) -> Feature:
        """A max-pool that fits."""
        k, s, pads = self.pick(
            [
                (2, 2, [0] * 4),
                (2, 2, [0] * 4),
                (2, 1, [0, 0, 1, 1]),
                (3, 1, [1] * 4),
                (3, 2, [1] * 4),
                (5, 1, [2] * 4),
                (3, 1, [2, 1, 0, 2]),
                (3, 1, [2] * 4),
            ]
        )
        if min(x.height, x.width) < k:
            return x
        attributes = {"kernel_shape": [k, k], "strides": [s, s], "pads": pads}
        ceil = self.opset >= 10 and self.chance(0.2)
        if ceil:
            attributes["ceil_mode"] = 1
        name = self.node("MaxPool", [x.name], **attributes)

        def size(n: int, axis: int) -> int:
            room = n + pads[axis] + pads[axis + 2] - k
            result = (-(-room // s) if ceil else room // s) + 1
            return result - (ceil and (result - 1) * s >= n + pads[axis])

        shape = size(x.height, 0), size(x.width, 1)
        return Feature(name, x.channels, *shape, x.size, x.quantiser, x.dips)

    def enlarge(self, x: Feature) -> Feature:
        """Nearest x2 in one of the equivalent ways to write it."""
        if x.height > 12 or x.width > 12:
            return x
        factors = [1.0, 1.0, 2.0, 2.0]
        if self.opset < 9:
            name = self.node("Upsample", [x.name], mode="nearest", scales=factors)
        elif self.opset < 11:
            op = "Upsample" if self.opset < 10 else "Resize"
            name = self.node(op, [x.name, self.constant(factors, np.float32)], mode="nearest")
        else:
            transformation, rounding = self.pick(
                [
                    ("asymmetric", "floor"),
                    ("asymmetric", "round_prefer_floor"),
                    ("half_pixel", "round_prefer_floor"),
                    ("half_pixel", "round_prefer_ceil"),
                    ("pytorch_half_pixel", "round_prefer_floor"),
                    ("align_corners", "round_prefer_floor"),
                ]
            )
            roi = self.constant(np.zeros(0), np.float32)
            inputs = [x.name, roi, self.constant(factors, np.float32)]
            if self.opset >= 13 and self.chance(0.3):
                sizes = [1, x.channels, 2 * x.height, 2 * x.width]
                inputs = [x.name, roi, "", self.constant(sizes, np.int64)]
            name = self.node(
                "Resize",
                inputs,
                mode="nearest",
                coordinate_transformation_mode=transformation,
                nearest_mode=rounding,
            )
        shape = 2 * x.height, 2 * x.width
        return Feature(name, x.channels, *shape, x.size, x.quantiser, x.dips)

    def concat(self, parts: list[Feature]) -> Feature:
        name = self.node("Concat", [part.name for part in parts], axis=1)
        first = parts[0]
        channels = sum(part.channels for part in parts)
        dips = any(part.dips for part in parts)
        shape = first.height, first.width
        return Feature(name, channels, *shape, first.size, first.quantiser, dips)

    def split(self, x: Feature) -> list[Feature]:
        """Two parts, by Split or by two Slices."""
        first = int(self.rng.integers(1, x.channels))
        sizes = [first, x.channels - first]
        if self.chance(0.5):
            names = [self.name("part"), self.name("part")]
            if self.opset >= 13:
                lengths = self.constant(sizes, np.int64)
                node = helper.make_node("Split", [x.name, lengths], names, axis=1)
            else:
                node = helper.make_node("Split", [x.name], names, axis=1, split=sizes)
            self.nodes.append(node)
        else:
            last = x.channels + self.pick([0, 100])
            names = [self.part(x.name, 0, first), self.part(x.name, first, last)]
        return [
            Feature(name, size, x.height, x.width, x.size, x.quantiser, x.dips)
            for name, size in zip(names, sizes, strict=True)
        ]

    def moved(self, x: Feature, kind: str) -> Feature:
        """``x`` through an operator that moves values; "" leaves it."""
        if kind == "part":
            return self.split(x)[0] if x.channels > 1 else x
        if kind == "parts":
            return self.concat(self.split(x)[::-1]) if x.channels > 1 else x
        if kind == "twice":
            return self.concat([x, x])
        return {"pool": self.pool, "enlarge": self.enlarge, "": lambda t: t}[kind](x)
