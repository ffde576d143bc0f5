"""How many bits each layer has: one object decides for a whole network.

A layer's ``Precision`` counts the bits of its weights and of the activations that it reads; the
stem's activations are the picture's bytes. ``FLOAT`` bits mean: not quantised.
"""

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatch

from quant.quantisers.base import Quantiser

FLOAT = 32
STAGES = ("stem", "backbone", "neck", "head")


@dataclass(frozen=True, kw_only=True)
class Precision:
    """Bits of a layer's weights and of its input."""

    weights: int = FLOAT
    activations: int = FLOAT

    def __str__(self) -> str:
        return f"W{self.weights}A{self.activations}"


#: (bits, output channels) -> quantiser of a layer's weights.
WeightQuantiser = Callable[[int, int], Quantiser]
#: (bits, channels, signed) -> quantiser of a tensor between layers.
ActivationQuantiser = Callable[[int, int, bool], Quantiser]


@dataclass(frozen=True, kw_only=True)
class Policy:
    """Bits of every layer, and the quantisers that make them.

    ``overrides``: (pattern, precision) pairs; the first pattern (``fnmatch``) that fits a layer's
    name, such as ``model.3.conv``, decides instead of the layer's stage. ``shortcut`` is the width
    of the tensors that residual shortcuts carry in stages whose activations have 1 bit.
    ``integer``: normalisation and requantisation in integers (``quant.model.integer_norm``).
    """

    weight: WeightQuantiser | None = None
    activation: ActivationQuantiser | None = None
    stem: Precision = Precision()
    backbone: Precision = Precision()
    neck: Precision = Precision()
    head: Precision = Precision()
    overrides: tuple[tuple[str, Precision], ...] = ()
    shortcut: int = 4
    integer: bool = False

    def of(self, stage: str, name: str) -> Precision:
        """The precision of the layer ``name`` in ``stage``."""
        for pattern, precision in self.overrides:
            if fnmatch(name, pattern):
                return precision
        return getattr(self, stage)


def uniform(bits: int, *, stem_weights: int | None = None, head: int | None = None) -> dict:
    """Stage settings of :class:`Policy` with the same bits everywhere.

    ``stem_weights`` and ``head`` are bits of the first layer's weights and of the detection
    layers, the same as elsewhere where they are None.
    """
    same = Precision(weights=bits, activations=bits)
    last = head or bits
    return {
        "stem": Precision(weights=stem_weights or bits, activations=8),
        "backbone": same,
        "neck": same,
        "head": Precision(weights=last, activations=last),
    }
