"""Random small ONNX networks over everything the front end reads; `random_model(seed)`.

Meant to be supported by construction. Two kinds: "dyadic" networks, whose scales are powers of two
so that every tie is exact in floating point, and the rest, where every function before a quantiser
gets a random offset so that no tie is reachable (where the float64 graph itself is undecided).
"""

import numpy as np
from onnx import ModelProto, TensorProto, helper

from tests.random_sketch import Feature, Sketch


class RandomNetwork(Sketch):
    """Draws one network."""

    # Operators

    def conv(
        self, x: Feature, channels: int, *, stride: int | None = None, k=None, grouped: bool = True
    ) -> Feature:
        """A convolution with any kernel, stride, pads and groups; sums are not quantised."""
        if k is None:
            room = min(x.height, x.width)
            k = [int(min(self.pick([1, 1, 3, 3, 3, 2, 5, 7]), room)) for _ in range(2)]
            if self.chance(0.7):
                k[1] = k[0]
        stride = self.pick([1, 1, 2]) if stride is None else stride
        groups = 1
        if grouped and channels == x.channels and self.chance(0.3):
            groups = channels
        elif grouped and channels % 2 == 0 and x.channels % 2 == 0 and self.chance(0.2):
            groups = 2
        weights, size = self.weights((channels, x.channels // groups, *k))
        inputs = [x.name, weights]
        attributes: dict = {"kernel_shape": k, "strides": [stride, stride]}
        pads = [k[0] // 2, k[1] // 2, (k[0] - 1) // 2, (k[1] - 1) // 2]
        if x.is_bipolar and self.chance(0.5) and any(pads):
            value = -x.quantiser[1]
            everywhere = [0, 0, pads[0], pads[1], 0, 0, pads[2], pads[3]]
            inputs[0] = self.node(
                "Pad", [x.name, self.constant(everywhere, np.int64), self.constant(value)]
            )
        elif self.chance(0.15):
            attributes["auto_pad"] = self.pick(["SAME_UPPER", "SAME_LOWER"])
            pads = None
        elif self.chance(0.15):
            pads = [0, 0, 0, 0]
        else:
            if self.chance(0.2):
                pads = [int(self.rng.integers(0, k[i % 2])) for i in range(4)]
            attributes["pads"] = pads
        if groups > 1:
            attributes["group"] = groups
        if self.chance(0.3):
            bias = self.rng.normal(0, x.size * size, channels)
            inputs.append(self.constant(self.dyadic_round(bias)))
        name = self.node("Conv", inputs, **attributes)
        if pads is None:
            height, width = -(-x.height // stride), -(-x.width // stride)
        else:
            height = (x.height + pads[0] + pads[2] - k[0]) // stride + 1
            width = (x.width + pads[1] + pads[3] - k[1]) // stride + 1
        taps = x.channels // groups * k[0] * k[1]
        return Feature(name, channels, height, width, x.size * size * taps**0.5)

    def dyadic_round(self, values: np.ndarray) -> np.ndarray:
        return np.round(values * 64) / 64 if self.exact else values

    def per_channel(self, channels: int, draw) -> str:
        shape = self.pick([(1, channels, 1, 1), (channels, 1, 1), (1,)])
        values = draw(shape)
        return self.constant(values)

    def affine(self, x: Feature, rising: bool) -> Feature:
        """Batch normalisation or written-out scaling and offset, to about unit size."""
        channels = x.channels
        signs = np.where(self.rng.random(channels) < (0 if rising else 0.25), -1.0, 1.0)
        if self.exact:
            signs = signs * 2.0 ** self.rng.integers(-1, 2, channels)
            factor = signs * 2.0 ** np.round(-np.log2(max(x.size, 1e-9)))
            name = self.node("Mul", [x.name, self.constant(factor.reshape(1, -1, 1, 1))])
            offset = np.round(self.rng.normal(0, 0.5, (channels, 1, 1)) * 8) / 8
            return self.like(x, self.node("Add", [name, self.constant(offset)]), 1.0)
        offset = self.rng.normal(0, 0.4, channels)
        if self.chance(0.5):
            gamma = signs * self.rng.uniform(0.5, 1.5, channels)
            if self.chance(0.2):
                gamma[0] = 0.0
            mean = self.rng.normal(0, x.size * 0.3, channels)
            variance = self.rng.uniform(0.5, 2, channels) * x.size**2
            parameters = [self.constant(p) for p in (gamma, offset, mean, variance)]
            return self.like(
                x, self.node("BatchNormalization", [x.name, *parameters], epsilon=1e-5), 1.0
            )
        op = self.pick(["Mul", "Div"])
        factor = signs * self.rng.uniform(0.5, 1.5, channels) / x.size
        factor = (factor if op == "Mul" else 1 / factor).reshape(1, -1, 1, 1)
        name = self.node(op, [x.name, self.constant(factor)])
        op = self.pick(["Add", "Sub"])
        return self.like(x, self.node(op, [name, self.constant(offset.reshape(-1, 1, 1))]), 1.0)

    def like(self, x: Feature, name: str, size: float | None = None) -> Feature:
        return Feature(name, x.channels, x.height, x.width, x.size if size is None else size)

    def activation(self, x: Feature) -> Feature:
        """A monotone activation function, or none."""
        kind = self.pick(["", "Relu", "Relu", "LeakyRelu", "PRelu", "clip", "other", "Identity"])
        if kind == "LeakyRelu":
            return self.like(x, self.node(kind, [x.name], alpha=0.125 if self.exact else 0.1))
        if kind == "PRelu":
            slopes = self.dyadic_round(self.rng.uniform(0, 0.5, (x.channels, 1, 1)))
            return self.like(x, self.node(kind, [x.name, self.constant(slopes)]))
        if kind == "clip":
            return self.like(x, self.clip(x.name, self.pick([-1.0, 0.0]), self.pick([1.0, 6.0])))
        if kind == "other" and not self.exact:
            return self.like(x, self.node(self.pick(["Sigmoid", "Tanh", "HardSigmoid"]), [x.name]))
        if kind in ("Relu", "Identity"):
            return self.like(x, self.node(kind, [x.name]))
        return x

    # Movement

    def pool(self, x: Feature) -> Feature:
        """A max-pool that fits: 2x2 with stride 2 or 1, 3x3, 5x5 with stride 1 and pads 2."""
        k, s, pads = self.pick(
            [
                (2, 2, [0] * 4),
                (2, 1, [0, 0, 1, 1]),
                (3, 1, [1] * 4),
                (3, 2, [1] * 4),
                (5, 1, [2] * 4),
            ]
        )
        if min(x.height, x.width) < k:
            return x
        attributes = {"kernel_shape": [k, k], "strides": [s, s], "pads": pads}
        if self.chance(0.2):
            attributes["ceil_mode"] = 1
        name = self.node("MaxPool", [x.name], **attributes)

        def size(n: int) -> int:
            room = n + pads[0] + pads[2] - k
            result = (-(-room // s) if attributes.get("ceil_mode") else room // s) + 1
            return result - (bool(attributes.get("ceil_mode")) and (result - 1) * s >= n + pads[0])

        return Feature(name, x.channels, size(x.height), size(x.width), x.size, x.quantiser)

    def enlarge(self, x: Feature) -> Feature:
        """Nearest x2 in one of the equivalent ways to write it."""
        if x.height > 16 or x.width > 16:
            return x
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
        scales = self.constant([1.0, 1.0, 2.0, 2.0])
        name = self.node(
            "Resize",
            [x.name, self.constant(np.zeros(0)), scales],
            mode="nearest",
            coordinate_transformation_mode=transformation,
            nearest_mode=rounding,
        )
        return Feature(name, x.channels, 2 * x.height, 2 * x.width, x.size, x.quantiser)

    def concat(self, parts: list[Feature]) -> Feature:
        name = self.node("Concat", [part.name for part in parts], axis=1)
        first = parts[0]
        channels = sum(part.channels for part in parts)
        return Feature(name, channels, first.height, first.width, first.size, first.quantiser)

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
            names = []
            for start, stop in ((0, first), (first, x.channels + self.pick([0, 100]))):
                bounds = [self.constant([v], np.int64) for v in (start, stop, 1)]
                names.append(self.node("Slice", [x.name, *bounds]))
        return [
            Feature(name, size, x.height, x.width, x.size, x.quantiser)
            for name, size in zip(names, sizes, strict=True)
        ]

    # Blocks

    def plain(self, x: Feature) -> Feature:
        """Convolution to quantiser, with pooling or enlargement before or after it."""
        y = self.conv(x, self.pick([3, 4, 8, 12, 16, 17, 32, 40]))
        early, late = self.pick([("", ""), ("", ""), ("pool", ""), ("", "pool"), ("enlarge", ""),
                                 ("", "enlarge")])  # fmt: skip
        if early == "pool" and self.chance(0.5):
            y = self.pool(y)
            y = self.activation(self.affine(y, rising=self.chance(0.5)))
        else:
            y = self.activation(self.affine(y, rising=False))
            y = {"pool": self.pool, "enlarge": self.enlarge, "": lambda t: t}[early](y)
        y = self.quantise(y)
        return {"pool": self.pool, "enlarge": self.enlarge, "": lambda t: t}[late](y)

    def branches(self, x: Feature) -> Feature:
        """Two convolutions of one tensor, concatenated before or after quantisation."""
        parts = [
            self.conv(x, self.pick([3, 8, 16]), stride=1, k=[k, k]) for k in (1, self.pick([1, 1]))
        ]
        parts = [self.activation(self.affine(part, rising=False)) for part in parts]
        how = self.pick(["before", "after", "twice"])
        if how == "before":
            return self.quantise(self.affine(self.concat(parts), rising=False))
        quantiser = self.draw_quantiser()
        parts = [self.quantise(part, quantiser) for part in parts]
        if how == "twice" and quantiser[0] != "sign":
            other = self.quantise(self.affine(self.conv(x, 4, stride=1, k=[1, 1]), rising=False))
            return self.quantise(self.concat([*parts, other]), quantiser)
        return self.concat(parts)

    def residual(self, x: Feature) -> Feature:
        """Add of the input and a convolution of it, both quantised."""
        y = self.conv(x, x.channels, stride=1, k=[1, 1])
        y = self.quantise(self.affine(y, rising=False), x.quantiser if self.chance(0.5) else None)
        total = self.node("Add", self.pick([[x.name, y.name], [y.name, x.name]]))
        y = Feature(total, x.channels, x.height, x.width, 1.5)
        offset = self.constant(0.25 if self.exact else self.rng.normal(0, 0.1))
        y = self.like(y, self.node("Add", [y.name, offset]))
        return self.quantise(self.activation(y) if self.chance(0.5) else y)

    def parted(self, x: Feature) -> Feature:
        """Split, one part through a convolution with the same quantiser, Concat (as in C2f)."""
        if x.channels < 2:
            return self.plain(x)
        if x.quantiser is None or self.chance(0.3):
            y = self.conv(x, self.pick([6, 8, 16]), stride=1, grouped=False)
            y = self.affine(y, rising=False)
            first, second = self.split(y)
            quantiser = self.draw_quantiser()
            return self.concat([self.quantise(second, quantiser), self.quantise(first, quantiser)])
        first, second = self.split(x)
        y = self.affine(self.conv(second, 8, stride=1, k=[1, 1]), rising=False)
        return self.concat([first, self.quantise(y, x.quantiser), second])

    def build(self) -> ModelProto:
        """The whole network."""
        height, width = (int(self.rng.integers(8, 25)) for _ in range(2))
        channels = self.pick([3, 3, 3, 1, 2])
        x = Feature("picture", channels, height, width, 0.5)
        kind = self.pick(["none", "quant", "normalise"])
        if kind == "quant":
            parameters = [self.constant(v) for v in (np.float32(1 / 255), 0.0, 8.0)]
            x.name = self.node("Quant", [x.name, *parameters], signed=0, narrow=0)
        elif kind == "normalise":
            x.name = self.node("Mul", [x.name, self.constant(255.0)])
            x.name = self.node("Sub", [x.name, self.constant(128.0)])
            x.size = 64.0
        x = self.plain(x)
        self.exact = self.dyadic
        for _ in range(int(self.rng.integers(1, 5))):
            if min(x.height, x.width) < 3:
                break
            x = self.pick([self.plain, self.plain, self.branches, self.residual, self.parted])(x)
        outputs = []
        for _ in range(int(self.rng.integers(1, 3))):
            y = self.conv(x, self.pick([5, 18, 30]), stride=1, k=[1, 1])
            outputs.append(self.affine(y, rising=False) if self.chance(0.3) else y)
        if self.chance(0.2):
            outputs.append(x)
        return self.model(channels, height, width, outputs)

    def model(self, channels: int, height: int, width: int, outputs: list[Feature]) -> ModelProto:
        used = {name for node in self.nodes for name in node.input}
        initialisers = [tensor for tensor in self.initialisers if tensor.name in used]
        inputs = [
            helper.make_tensor_value_info(
                "picture", TensorProto.FLOAT, [1, channels, height, width]
            )
        ]
        if self.chance(0.2):  # as IR version 3 demanded
            inputs += [
                helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
                for t in initialisers
            ]
        results = [
            helper.make_tensor_value_info(
                y.name, TensorProto.FLOAT, [1, y.channels, y.height, y.width]
            )
            for y in {y.name: y for y in outputs}.values()
        ]
        graph = helper.make_graph(self.nodes, "random", inputs, results, initialisers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def random_model(seed: int) -> ModelProto:
    """A small random network, the same for the same seed."""
    return RandomNetwork(seed).build()
