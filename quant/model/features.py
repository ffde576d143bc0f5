"""What travels between layers: a real tensor, and its quantised forms for whoever reads it.

A producer's result is quantised once for each width that its readers ask for: 4 bits for the neck,
1 bit for the next backbone layer, both from the same sums. The quantisers ("taps") belong to the
producer and are made when they are first asked for, in dry runs while the network is built. Tensors
that meet in a Concat or an Add share one tap, so the machine can join their codes without another
rounding.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from quant.model.policy import FLOAT, Policy
from quant.quantisers.binary import ShiftedSign
from quant.quantisers.integer_nodes import sum_of_codes


class Taps(nn.ModuleDict):
    """The quantisers of one producer, by width: "1", "4", ...

    Building takes two dry runs: while ``planned`` is False, tensors stay real and :func:`share`
    only notes which producers meet; then the taps are made, one for all that meet. ``signed``
    producers have values below zero that matter (an activation other than ReLU).
    """

    def __init__(self, policy: Policy, *, signed: bool = False):
        super().__init__()
        self.policy, self.signed, self.planned = policy, signed, False
        self.group: list[Taps] = [self]

    def join(self, other: "Taps") -> None:
        """Share every tap of more than one bit with another producer."""
        if other.group is not self.group:
            self.group.extend(other.group)
            for member in other.group:
                member.group = self.group

    def tap(self, bits: int, channels: int) -> nn.Module:
        """The quantiser of that width, made at the first call."""
        key = str(bits)
        if key not in self:
            if bits == 1:
                self[key] = ShiftedSign(channels)
            else:
                signed = any(member.signed for member in self.group)
                made = self.policy.activation(bits, channels, signed)
                for member in self.group:
                    member[key] = made
        return self[key]


class Feature:
    """A producer's real result [n, c, h, w]; :meth:`at` gives its quantised form.

    Where ``unit`` is given (one value, or [1, c, 1, 1]), the result is an integer times that unit,
    and a tap that can goes from those integers to codes in fixed point.
    """

    def __init__(self, real: Tensor, taps: Taps, unit: Tensor | None = None):
        self.real, self.taps, self.unit = real, taps, unit
        self.ready: dict[int, Tensor] = {}

    @property
    def owners(self) -> list["Feature"]:
        """The producers whose codes this is made of."""
        return [self]

    def at(self, bits: int) -> Tensor:
        """The tensor in ``bits`` bits; with ``FLOAT``, unquantised."""
        if bits == FLOAT or not self.taps.planned:
            return self.real
        if bits not in self.ready:
            tap = self.taps.tap(bits, self.real.shape[1])
            if self.unit is None:
                self.ready[bits] = tap(self.real)
            else:
                self.ready[bits] = tap(self.real, self.unit)
        return self.ready[bits]

    def scale(self, bits: int) -> Tensor:
        """The step of the codes in that width."""
        return self.taps.tap(bits, self.real.shape[1]).scale()


class Moved:
    """Codes that an operator moves or chooses without computing: Concat, Resize, MaxPool."""

    def __init__(self, move: Callable[..., Tensor], *sources: "Feature | Moved"):
        self.move, self.sources = move, sources
        self.ready: dict[int, Tensor] = {}

    @property
    def owners(self) -> list[Feature]:
        return [owner for source in self.sources for owner in source.owners]

    def at(self, bits: int) -> Tensor:
        if bits not in self.ready:
            share(self.owners, bits)
            self.ready[bits] = self.move(*(source.at(bits) for source in self.sources))
        return self.ready[bits]

    def scale(self, bits: int) -> Tensor:
        """The step of the codes in that width, one for all sources."""
        return self.sources[0].scale(bits)


def share(owners: list[Feature], bits: int) -> None:
    """Let all owners have one tap of this width. 1-bit tensors have one scale anyway."""
    if bits not in (1, FLOAT):
        for owner in owners:
            owners[0].taps.join(owner.taps)


def concat(*sources: Feature | Moved) -> Moved:
    """Concatenation along channels, of codes of one scale."""
    return Moved(lambda *parts: torch.cat(parts, 1), *sources)


def add(a: Feature | Moved, b: Feature | Moved, bits: int, taps: Taps) -> Feature:
    """The sum of two tensors in ``bits`` bits on one scale, as a new producer."""
    share([*a.owners, *b.owners], bits)
    if not (taps.policy.integer and taps.planned):
        return Feature(a.at(bits) + b.at(bits), taps)
    return Feature(sum_of_codes(a.at(bits), b.at(bits)), taps, a.scale(bits))
