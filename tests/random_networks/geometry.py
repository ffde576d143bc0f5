"""Random integer networks of extreme geometry: `random_network(seed)`.

Maps of 1x1 to 13x13, kernels up to 7x7, every pad up to twice the kernel (outputs wider than their
inputs), dilations, strides, groups, paddings that need another encoding, sparse weights.
"""

import numpy as np

from golden.network import Convolution, MaxPool, Network
from tests.samples.networks import Builder

Four = tuple[int, int, int, int]
Two = tuple[int, int]


class Geometry(Builder):
    """A builder whose choices come from ``rng`` too."""

    def __init__(self, seed: int):
        rng = np.random.default_rng(seed)
        height, width, channels = (int(rng.integers(1, end)) for end in (14, 14, 4))
        super().__init__(seed, height, width, channels)
        self.rng = rng

    def pick(self, choices):
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def kernel_for(self, height: int, width: int) -> tuple[Two, Two, Four, Two]:
        """(kernel, strides, pads, dilations) that leave at least one position."""
        while True:
            kernel = (1, 1) if self.chance(0.4) else tuple(self.rng.integers(1, 8, 2).tolist())
            most = [2 * k + 2 for k in kernel] if self.chance(0.3) else list(kernel)
            pads = tuple(
                int(self.rng.integers(0, most[i % 2] + 1)) if self.chance(0.7) else 0
                for i in range(4)
            )
            strides = self.pick([1, 1, 1, 2]), self.pick([1, 1, 1, 2])
            dilations = self.pick([1, 1, 2, 3]), self.pick([1, 1, 2, 3])
            spans = [(k - 1) * d for k, d in zip(kernel, dilations, strict=True)]
            if height + pads[0] + pads[2] > spans[0] and width + pads[1] + pads[3] > spans[1]:
                return kernel, strides, pads, dilations

    def convolve(self, source: str, name: str, channels: int, *, raw=False, bipolar=False) -> str:
        tensor = self.tensors[source]
        kernel, strides, pads, dilations = self.kernel_for(tensor.height, tensor.width)
        groups = 1
        if tensor.channels > 1 and self.chance(0.2):
            groups = channels = tensor.channels
        pad_value = 0
        if tensor.step == 2:
            pad_value = self.pick([0, -1, 1])
        elif source != "in" and self.chance(0.2):
            pad_value = int(self.rng.integers(0, 1 << tensor.bits))
        weights = self.weights(
            (channels, tensor.channels // groups, *kernel), int(self.rng.integers(1, 5))
        )
        if self.chance(0.2):
            weights = weights * (self.rng.random(weights.shape) < 0.3)
        bits = 1 if bipolar else int(self.rng.integers(1, 5))
        top = tensor.step * ((1 << tensor.bits) - 1)
        reach = top * np.abs(weights).mean() * weights[0].size ** 0.5
        height, width = (
            (size + pads[i] + pads[i + 2] - (kernel[i] - 1) * dilations[i] - 1) // strides[i] + 1
            for i, size in enumerate((tensor.height, tensor.width))
        )
        operator = Convolution(
            name=name,
            input=source,
            output=name,
            weights=weights.astype(np.int32),
            thresholds=None if raw else self.thresholds(channels, bits, reach),
            strides=strides,
            pads=pads,
            dilations=dilations,
            groups=groups,
            pad_value=pad_value,
        )
        if raw:
            self.operators.append(operator)
            self.raw_shapes[name] = (channels, height, width)
            return name
        return self.add(operator, channels, height, width, bits, bipolar=bipolar)

    def pool_any(self, source: str, name: str) -> str:
        """A max-pool of any window, each pad less than the kernel."""
        tensor = self.tensors[source]
        kernel = tuple(self.rng.integers(1, 8, 2).tolist())
        strides = self.pick([1, 2]), self.pick([1, 2])
        pads = tuple(int(self.rng.integers(0, kernel[i % 2])) for i in range(4))
        height, width = (
            (size + pads[i] + pads[i + 2] - kernel[i]) // strides[i] + 1
            for i, size in enumerate((tensor.height, tensor.width))
        )
        if height < 1 or width < 1:
            return source
        operator = MaxPool(
            name=name, input=source, output=name, kernel=kernel, strides=strides, pads=pads
        )
        return self.add(
            operator, tensor.channels, height, width, tensor.bits, bipolar=tensor.step == 2
        )

    def twin(self, source: str, name: str) -> str:
        """Two convolutions of one tensor beside each other, one of them padded elsewhere too."""
        kind = self.chance(0.5)
        parts = []
        for index in range(2):
            part = self.conv(
                source, f"{name}{index}", int(self.rng.integers(1, 20)), 1,
                bits=1 if kind else 3, bipolar=kind, pad=0, pad_value=0,
            )  # fmt: skip
            parts.append(part)
        if self.chance(0.7):
            self.convolve(self.pick(parts), f"{name}_aside", 3, raw=True)
        return self.concat(parts, f"{name}_joined")

    def step(self, source: str, name: str, first: bool) -> str:
        """One more layer behind ``source``."""
        tensor = self.tensors[source]
        kinds = ["conv", "conv", "sum"] if first else ["conv"] * 4 + [
            "sign", "pool", "pool2", "enlarge", "sum", "twin"]  # fmt: skip
        kind = self.pick(kinds)
        if kind in ("conv", "sign"):
            channels = self.pick([1, 3, 8, 9, 16, 17, 20, 33])
            return self.convolve(source, name, channels, bipolar=kind == "sign")
        if kind == "pool2" and min(tensor.height, tensor.width) >= 2:
            return self.pool(source, name, 2, 2)
        if kind == "pool":
            return self.pool_any(source, name)
        if kind == "enlarge" and tensor.height * tensor.width < 300:
            return self.upsample(source, name)
        if kind == "sum":
            return self.sum([source], name, (self.pick([1, 2, -3]),), int(self.rng.integers(1, 5)))
        if kind == "twin":
            return self.twin(source, name)
        return source


def random_network(seed: int) -> tuple[Network, np.ndarray]:
    """A network and a picture for it, the same for the same seed."""
    b = Geometry(seed)
    x = "in"
    for place in range(int(b.rng.integers(1, 4))):
        x = b.step(x, f"layer{place}", first=place == 0)
    head = b.convolve(x, "head", int(b.rng.integers(1, 20)), raw=True)
    asides = [name for name in b.raw_shapes if name != head]
    return b.network(head, *asides), b.picture()
