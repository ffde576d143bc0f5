"""Random integer networks, for tests that start behind the front end."""

import numpy as np

from golden.network import (
    Concat,
    Convolution,
    MaxPool,
    Network,
    Output,
    Slice,
    Tensor,
    Thresholds,
    Upsample,
    WeightedSum,
)


class Builder:
    """Grows a network layer by layer; thresholds are drawn so that codes vary."""

    def __init__(self, seed: int, height: int, width: int, channels: int = 3):
        self.rng = np.random.default_rng(seed)
        self.tensors = {
            "in": Tensor(
                name="in", channels=channels, height=height, width=width, bits=8, scale=1 / 255
            )
        }
        self.operators: list = []
        self.raw_shapes: dict = {}

    def thresholds(self, channels: int, bits: int, reach: float) -> Thresholds:
        levels = np.sort(
            self.rng.integers(-int(reach) - 1, int(reach) + 2, (channels, (1 << bits) - 1)), axis=1
        )
        sign = self.rng.choice([-1, 1], channels).astype(np.int8)
        return Thresholds(levels=levels.astype(np.int64), sign=sign)

    def weights(self, shape: tuple, bits: int) -> np.ndarray:
        if bits == 1:
            return self.rng.choice([-1, 1], shape).astype(np.int32)
        return self.rng.integers(-(1 << bits - 1), 1 << bits - 1, shape).astype(np.int32)

    def add(self, operator, channels, height, width, bits, *, bipolar=False) -> str:
        name = operator.output
        self.operators.append(operator)
        self.tensors[name] = Tensor(
            name=name,
            channels=channels,
            height=height,
            width=width,
            bits=bits,
            scale=1.0,
            step=2 if bipolar else 1,
            offset=-1 if bipolar else 0,
        )
        return name

    def conv(
        self,
        source: str,
        name: str,
        channels: int,
        kernel: int,
        *,
        stride=1,
        pad=None,
        weight_bits=4,
        bits=4,
        bipolar=False,
        pad_value=0,
        groups=1,
        raw=False,
    ) -> str:
        tensor = self.tensors[source]
        pad = kernel // 2 if pad is None else pad
        pads = pad if isinstance(pad, tuple) else (pad,) * 4  # top, left, bottom, right
        weights = self.weights((channels, tensor.channels // groups, kernel, kernel), weight_bits)
        top = tensor.step * ((1 << tensor.bits) - 1)
        reach = top * np.abs(weights).mean() * (weights[0].size ** 0.5)
        height, width = (
            (size + pads[axis] + pads[axis + 2] - kernel) // stride + 1
            for axis, size in enumerate((tensor.height, tensor.width))
        )
        operator = Convolution(
            name=name,
            input=source,
            output=name,
            weights=weights,
            thresholds=None if raw else self.thresholds(channels, bits, reach),
            strides=(stride, stride),
            pads=pads,
            pad_value=pad_value,
            groups=groups,
        )
        if raw:
            self.operators.append(operator)
            self.raw_shapes[name] = (channels, height, width)
            return name
        return self.add(operator, channels, height, width, bits, bipolar=bipolar)

    def pool(self, source: str, name: str, kernel: int, stride: int, pads=(0, 0, 0, 0)) -> str:
        tensor = self.tensors[source]
        height = (tensor.height + pads[0] + pads[2] - kernel) // stride + 1
        width = (tensor.width + pads[1] + pads[3] - kernel) // stride + 1
        operator = MaxPool(
            name=name,
            input=source,
            output=name,
            kernel=(kernel, kernel),
            strides=(stride, stride),
            pads=pads,
        )
        return self.add(
            operator, tensor.channels, height, width, tensor.bits, bipolar=tensor.step == 2
        )

    def concat(self, sources: list[str], name: str) -> str:
        first = self.tensors[sources[0]]
        channels = sum(self.tensors[s].channels for s in sources)
        return self.add(
            Concat(name=name, inputs=tuple(sources), output=name),
            channels,
            first.height,
            first.width,
            first.bits,
            bipolar=first.step == 2,
        )

    def slice(self, source: str, name: str, start: int, stop: int) -> str:
        tensor = self.tensors[source]
        return self.add(
            Slice(name=name, input=source, output=name, start=start, stop=stop),
            stop - start,
            tensor.height,
            tensor.width,
            tensor.bits,
            bipolar=tensor.step == 2,
        )

    def upsample(self, source: str, name: str) -> str:
        tensor = self.tensors[source]
        return self.add(
            Upsample(name=name, input=source, output=name),
            tensor.channels,
            2 * tensor.height,
            2 * tensor.width,
            tensor.bits,
            bipolar=tensor.step == 2,
        )

    def sum(self, sources: list[str], name: str, factors: tuple, bits: int) -> str:
        tensor = self.tensors[sources[0]]
        operator = WeightedSum(
            name=name,
            inputs=tuple(sources),
            output=name,
            factors=factors,
            thresholds=self.thresholds(tensor.channels, bits, 20),
        )
        return self.add(operator, tensor.channels, tensor.height, tensor.width, bits)

    def network(self, *outputs: str) -> Network:
        return Network(
            name="random",
            input="in",
            tensors=self.tensors,
            operators=tuple(self.operators),
            outputs=tuple(
                Output(
                    name=o,
                    tensor=o,
                    scale=np.ones(self.raw_shapes[o][0]),
                    bias=np.zeros(self.raw_shapes[o][0]),
                )
                for o in outputs
            ),
            raw_shapes=self.raw_shapes,
        )

    def picture(self) -> np.ndarray:
        return self.rng.integers(0, 256, self.tensors["in"].shape).astype(np.uint8)


def everything(seed: int, height: int, width: int) -> tuple[Network, np.ndarray]:
    """A network with every operator and encoding, and a picture for it."""
    b = Builder(seed, height, width)
    b.conv("in", "stem", 16, 3)
    b.pool("stem", "stem_pool", 2, 2)
    b.conv("stem_pool", "to_sign", 24, 3, bits=1, bipolar=True)
    b.conv("to_sign", "binary", 32, 3, weight_bits=1, bits=1, bipolar=True, pad_value=-1)
    b.conv("binary", "ternary_border", 40, 3, stride=2, weight_bits=1, bits=3)
    b.conv("binary", "from_sign", 40, 3, stride=2, weight_bits=3, bits=3, pad_value=-1)
    b.sum(["ternary_border", "from_sign"], "residual", (3, -2), 4)
    b.conv("residual", "depthwise", 40, 5, groups=40, weight_bits=2, bits=4)
    b.conv("depthwise", "grouped", 48, 3, groups=4, bits=4)
    b.pool("grouped", "spp", 5, 1, (2, 2, 2, 2))
    b.pool("grouped", "asymmetric", 2, 1, (0, 0, 1, 1))
    b.slice("asymmetric", "part", 5, 37)
    b.concat(["part", "spp", "depthwise"], "joined")
    b.conv("joined", "mix", 20, 1, bits=4)
    b.pool("mix", "down", 3, 2, (1, 1, 1, 1))
    b.conv("down", "small", 20, 1, bits=4)
    b.upsample("small", "up")
    b.conv("up", "head", 18, 1, raw=True)
    b.conv("mix", "head2", 7, 3, raw=True, weight_bits=2)
    return b.network("head", "head2"), b.picture()


def branches(seed: int, size: int, channels: int) -> tuple[Network, np.ndarray]:
    """Jobs that look at the same places: convolutions of one map into codes of 4 bits and of 1, and
    a sum in two widths."""
    b = Builder(seed, size, size)
    b.conv("in", "a", channels, 1)
    b.conv("a", "wide", channels, 1)
    b.conv("a", "narrow", channels, 1, weight_bits=1, bits=1, bipolar=True)
    b.sum(["a", "wide"], "sum", (1, 1), 4)
    b.sum(["a", "wide"], "bits", (1, 1), 1)
    b.concat(["sum", "bits"], "all")
    b.conv("all", "more", 8, 1)
    b.conv("narrow", "less", 8, 3, weight_bits=1)
    b.conv("more", "first", 5, 1, raw=True)
    b.conv("less", "second", 5, 1, raw=True)
    return b.network("first", "second"), b.picture()
