"""Random functions between a convolution and its quantiser: scales, offsets, activations."""

import numpy as np

from tests.random_networks.quantisers import Quantisers
from tests.random_networks.sketch import Feature

SMOOTH = ["Sigmoid", "Tanh", "Softsign", "Softplus", "Elu", "HardSigmoid"]
"""Rise throughout."""
DIPPING = {"HardSwish": 14, "Mish": 18}
"""Fall below 0 and rise again; the opset that has them."""


class Functions(Quantisers):
    """Writes functions of one tensor; results are of about unit size."""

    def dyadic_round(self, values: np.ndarray) -> np.ndarray:
        return np.round(values * 64) / 64 if self.exact else values

    def affine(self, x: Feature, rising: bool) -> Feature:
        """Batch normalisation or written-out scaling and offset, to about unit size."""
        channels = x.channels
        signs = np.where(self.rng.random(channels) < (0 if rising else 0.25), -1.0, 1.0)
        if self.exact:
            signs = signs * 2.0 ** self.rng.integers(-1, 2, channels)
            factor = signs * 2.0 ** np.round(-np.log2(max(x.size, 1e-9)))
            name = self.node("Mul", [x.name, self.constant(factor.reshape(1, -1, 1, 1))])
            if self.chance(0.3):
                return self.like(x, name, 1.0)
            offset = np.round(self.rng.normal(0, 0.5, (channels, 1, 1)) * 8) / 8
            return self.like(x, self.node("Add", [name, self.constant(offset)]), 1.0)
        offset = self.rng.normal(0, 0.4, channels)
        if self.chance(0.5):
            return self.normalise(x, signs, offset)
        op = self.pick(["Mul", "Div"])
        factor = signs * self.rng.uniform(0.5, 1.5, channels) / x.size
        factor = (factor if op == "Mul" else 1 / factor).reshape(1, -1, 1, 1)
        name = self.node(op, [x.name, self.constant(factor)])
        op = self.pick(["Add", "Sub"])
        if self.chance(0.2):
            return self.like(x, self.node("Neg", [name]), 1.0)
        return self.like(x, self.node(op, [name, self.constant(offset.reshape(-1, 1, 1))]), 1.0)

    def normalise(self, x: Feature, signs: np.ndarray, offset: np.ndarray) -> Feature:
        """BatchNormalization, with gammas that are 0 at times: some of them, or all."""
        channels = x.channels
        gamma = signs * self.rng.uniform(0.5, 1.5, channels)
        if self.chance(0.2):
            gamma[0] = 0.0
        elif self.chance(0.08):
            gamma[:] = 0.0
        mean = self.rng.normal(0, x.size * 0.3, channels)
        variance = self.rng.uniform(0.5, 2, channels) * x.size**2
        parameters = [self.constant(p) for p in (gamma, offset, mean, variance)]
        name = self.node("BatchNormalization", [x.name, *parameters], epsilon=1e-5)
        return self.like(x, name, 1.0)

    def activation(self, x: Feature) -> Feature:
        """An activation function that a quantiser can make steps of, or none."""
        kind = self.pick(
            ["", "Relu", "Relu", "LeakyRelu", "PRelu", "clip", "smooth", "smooth", "dips",
             "Identity"]
        )  # fmt: skip
        if kind == "LeakyRelu":
            return self.like(x, self.node(kind, [x.name], alpha=0.125 if self.exact else 0.1))
        if kind == "PRelu":
            slopes = self.dyadic_round(self.rng.uniform(0, 0.5, (x.channels, 1, 1)))
            return self.like(x, self.node(kind, [x.name, self.constant(slopes)]))
        if kind == "clip":
            return self.like(x, self.limited(x.name))
        if kind == "smooth" and (not self.exact or self.chance(0.3)):
            return self.like(x, self.smooth(x.name))
        if kind == "dips":
            known = [op for op, opset in DIPPING.items() if self.opset >= opset]
            if known and not self.exact:
                y = self.like(x, self.node(self.pick(known), [x.name]))
                y.dips = True
                return y
        if kind in ("Relu", "Identity"):
            return self.like(x, self.node(kind, [x.name]))
        return x

    def limited(self, x: str) -> str:
        """Clip with both limits, one, or (a constant, then) limits that cross."""
        low, high = self.pick([-1.0, 0.0]), self.pick([1.0, 6.0])
        way = self.pick(["both"] * 6 + ["low", "high", "crossed"])
        if way == "crossed":
            return self.clip(x, high, low) if self.opset >= 11 else self.clip(x, low, high)
        return self.clip(x, None if way == "high" else low, None if way == "low" else high)

    def smooth(self, x: str) -> str:
        op = self.pick(SMOOTH)
        if self.chance(0.03):  # refused so far
            op = self.pick(["Selu", "ThresholdedRelu"] if self.opset >= 10 else ["Selu"])
        attributes = {}
        if op == "Elu" and self.chance(0.5):
            attributes = {"alpha": self.pick([0.0, 0.3, 1.5])}
        if op == "HardSigmoid" and self.chance(0.7):
            attributes = {"alpha": self.pick([0.0, 0.25, -0.3, 1.0]), "beta": self.pick([0.0, 0.5])}
        return self.node(op, [x], **attributes)
