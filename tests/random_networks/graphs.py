"""Random small ONNX networks over everything the front end reads; `random_model(seed)`.

Most are supported by construction; some are refused, and then with one message. In "dyadic"
networks scales are powers of two, so that sums lie exactly on the levels of quantisers.
"""

import numpy as np
from onnx import ModelProto, helper

from tests.random_networks.disguise import disguise
from tests.random_networks.integers import random_integer_model
from tests.random_networks.moves import Moves
from tests.random_networks.sketch import FLOATS, Feature


class RandomNetwork(Moves):
    """Draws one network of floats."""

    # Blocks

    def plain(self, x: Feature) -> Feature:
        """Convolution to quantiser, with moves before the function, before and behind the
        quantiser."""
        y = self.conv(x, self.pick([3, 4, 8, 12, 16, 17, 32, 40]))
        first, early, late = self.pick(
            [("", "", "")] * 4
            + [
                ("pool", "", ""),
                ("", "pool", ""),
                ("", "", "pool"),
                ("enlarge", "", ""),
                ("", "enlarge", "pool"),
                ("", "", "enlarge"),
                ("part", "parts", ""),
                ("", "twice", "parts"),
                ("parts", "", "twice"),
            ]
        )
        y = self.moved(y, first)
        y = self.activation(self.affine(y, rising=self.chance(0.5)))
        y = self.moved(y, early)
        return self.moved(self.quantise(y), late)

    def branches(self, x: Feature) -> Feature:
        """Two convolutions of one tensor, concatenated before or after quantisation."""
        parts = [self.conv(x, self.pick([3, 8, 16]), stride=1, k=[1, 1]) for _ in range(2)]
        parts = [self.activation(self.affine(part, rising=False)) for part in parts]
        how = self.pick(["before", "after", "twice"])
        if how == "before":
            joined = self.concat(parts)
            return self.quantise(joined if joined.dips else self.affine(joined, rising=False))
        quantiser = self.draw_quantiser(unsigned=any(part.dips for part in parts))
        parts = [self.quantise(part, quantiser) for part in parts]
        if how == "twice" and quantiser[0] != "sign":
            other = self.quantise(self.affine(self.conv(x, 4, stride=1, k=[1, 1]), rising=False))
            return self.quantise(self.concat([*parts, other]), quantiser)
        joined = self.concat(parts)
        if self.chance(0.3):
            self.aside(self.pick(parts))
        return self.moved(joined, self.pick(["", "pool", "enlarge"]))

    def aside(self, x: Feature) -> None:
        """A further reader of a tensor: a result with pads of its own."""
        k = self.pick([1, 3])
        y = self.conv(x, 3, stride=1, k=[min(k, x.height), min(k, x.width)], grouped=False)
        self.results.append(y)

    def residual(self, x: Feature) -> Feature:
        """Add of the input and a convolution of it, both quantised."""
        y = self.conv(x, x.channels, stride=1, k=[1, 1])
        y = self.quantise(self.affine(y, rising=False), x.quantiser if self.chance(0.5) else None)
        total = self.node("Add", self.pick([[x.name, y.name], [y.name, x.name]]))
        y = Feature(total, x.channels, x.height, x.width, 1.5)
        if self.exact and self.chance(0.5):
            return self.quantise(y)
        offset = self.constant(0.25 if self.exact else self.rng.normal(0, 0.1))
        y = self.like(y, self.node("Add", [y.name, offset]))
        return self.quantise(self.activation(y) if self.chance(0.3) else y)

    def bypass(self, x: Feature) -> Feature:
        """Concat with an earlier tensor of the same size, and a quantiser for both."""
        same = [
            y for y in self.history
            if (y.height, y.width) == (x.height, x.width) and y.name != x.name
        ]  # fmt: skip
        if not same:
            return self.plain(x)
        joined = self.concat([x, self.pick(same)])
        return self.quantise(joined, x.quantiser)

    def averaged(self, x: Feature) -> Feature:
        """A mean in place of a convolution."""
        return self.quantise(self.affine(self.average(x), rising=False))

    def parted(self, x: Feature) -> Feature:
        """Split, one part through a convolution with the same quantiser, Concat (as in C2f)."""
        if x.channels < 2:
            return self.plain(x)
        if x.quantiser is None or self.chance(0.3):
            y = self.conv(x, self.pick([6, 8, 16]), stride=1, k=[1, 1], grouped=False)
            y = self.affine(y, rising=False)
            first, second = self.split(y)
            quantiser = self.draw_quantiser()
            return self.concat([self.quantise(second, quantiser), self.quantise(first, quantiser)])
        first, second = self.split(x)
        y = self.affine(self.conv(second, 8, stride=1, k=[1, 1]), rising=False)
        return self.concat([first, self.quantise(y, x.quantiser), second])

    def picture(self, x: Feature) -> Feature:
        """What comes before the first convolution: scaling, moves, padding."""
        kind = self.pick(["none", "none", "quant", "normalise", "part", "twice", "pad", "move"])
        if kind == "quant":
            parameters = [self.constant(v) for v in (np.float32(1 / 255), 0.0, 8.0)]
            if self.floating is np.float32:
                x.name = self.node("Quant", [x.name, *parameters], signed=0, narrow=0)
        elif kind == "normalise" and self.floating is not np.float16:
            x.name = self.node("Mul", [x.name, self.constant(255.0)])
            x.name = self.node("Sub", [x.name, self.constant(128.0)])
            x.size = 64.0
        elif kind in ("part", "twice"):
            return self.moved(x, self.pick([kind, "parts"]))
        elif kind == "pad" and self.floating is not np.float16:
            pads = [int(self.rng.integers(0, 3)) for _ in range(4)]
            x.name = self.pad(x.name, pads, self.pick([0.0, 0.0, 0.0, np.float32(114 / 255)]))
            x.height += pads[0] + pads[2]
            x.width += pads[1] + pads[3]
        elif kind == "move" and self.chance(0.1):
            return self.moved(x, self.pick(["pool", "enlarge"]))
        return x

    def build(self) -> ModelProto:
        """The whole network."""
        self.results: list[Feature] = []
        self.history: list[Feature] = []
        height, width = (int(self.rng.integers(5, 18)) for _ in range(2))
        channels = self.pick([3, 3, 3, 1, 2])
        x = self.picture(Feature("picture", channels, height, width, 0.5))
        x = self.plain(x)
        self.exact = self.dyadic
        for _ in range(int(self.rng.integers(1, 4))):
            if min(x.height, x.width) < 3:
                break
            if max(x.height, x.width) > 24:
                x = self.quantise(self.affine(self.conv(x, 5, stride=2, k=[1, 1]), rising=False))
                continue
            self.history.append(x)
            x = self.pick(
                [self.plain] * 6
                + [self.branches, self.residual, self.parted] * 3
                + [self.bypass, self.averaged]
            )(x)
        for _ in range(int(self.rng.integers(1, 3))):
            y = self.conv(x, self.pick([5, 18, 30]), stride=1, k=self.pick([[1, 1], None]))
            self.results.append(self.affine(y, rising=False) if self.chance(0.3) else y)
        if self.chance(0.25):
            self.results.append(x)
        return self.model(channels, height, width)

    def model(self, channels: int, height: int, width: int) -> ModelProto:
        used = {name for node in self.nodes for name in node.input}
        initialisers = [tensor for tensor in self.initialisers if tensor.name in used]
        kind = FLOATS[self.floating]
        inputs = [helper.make_tensor_value_info("picture", kind, [1, channels, height, width])]
        if self.chance(0.2):  # as IR version 3 demanded
            inputs += [
                helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
                for t in initialisers
            ]
        results = [
            helper.make_tensor_value_info(y.name, kind, [1, y.channels, y.height, y.width])
            for y in {y.name: y for y in self.results}.values()
        ]
        graph = helper.make_graph(self.nodes, "random", inputs, results, initialisers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(self.domain, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def random_model(seed: int) -> ModelProto:
    """A small random network, the same for the same seed; every eighth computes in integers."""
    rng = np.random.default_rng([seed, 1])
    model = random_integer_model(seed) if seed % 8 == 7 else RandomNetwork(seed).build()
    return disguise(model, rng) if rng.random() < 0.4 else model
