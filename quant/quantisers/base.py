"""What every quantiser is: codes low..high on a grid of ``scale``, trained through a surrogate.

Most map x to ``(clip(round(x / scale + zero), low, high) - zero) * scale``. Methods differ in where
scale and zero point come from and in the gradient; the values, the codes and the ONNX node are
defined here, once, so that what is trained is what is exported.
"""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from quant.quantisers.onnx_nodes import QuantNode
from quant.training.parallel import as_in_the_first

#: No scale gets smaller: a step of zero would divide by it.
LEAST_SCALE = 1e-8


def code_range(bits: int, *, signed: bool, narrow: bool) -> tuple[int, int]:
    """Smallest and largest code of QONNX ``Quant`` (github.com/fastmachinelearning/qonnx)."""
    if signed:
        return -(2 ** (bits - 1)) + narrow, 2 ** (bits - 1) - 1
    return 0, 2**bits - 1 - narrow


class Quantiser(nn.Module, ABC):
    """Base class. ``channels``: one scale for each of so many output channels (None: one scale).

    ``enabled`` False lets tensors through, unquantised: recipes switch quantisers on in stages. The
    first tensor that is quantised decides the starting scale (:meth:`start`).
    """

    def __init__(
        self, bits: int, *, signed: bool, narrow: bool = False, channels: int | None = None
    ):
        super().__init__()
        self.bits, self.signed, self.narrow, self.channels = bits, signed, narrow, channels
        self.low, self.high = code_range(bits, signed=signed, narrow=narrow)
        self.enabled = True
        self.register_buffer("started", torch.zeros((), dtype=torch.bool))

    def extra_repr(self) -> str:
        return f"bits={self.bits}, signed={self.signed}, narrow={self.narrow}"

    @property
    def per_channel(self) -> tuple[int, ...]:
        """Shape of scales: [channels, 1, 1, 1], or [] for one per tensor."""
        return () if self.channels is None else (self.channels, 1, 1, 1)

    @abstractmethod
    def quantise(self, x: Tensor) -> Tensor:
        """Quantised values, with the method's gradient."""

    @abstractmethod
    def codes(self, x: Tensor) -> Tensor:
        """Integer codes, as floats."""

    @abstractmethod
    def exported(self, x: Tensor) -> Tensor:
        """What the exporter writes for :meth:`quantise`."""

    def unquantised(self, x: Tensor) -> Tensor:
        """What passes while the quantiser is switched off."""
        return x

    def start(self, x: Tensor) -> None:
        """Choose the starting scale from the first tensor seen."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.enabled:
            return self.unquantised(x)
        if torch.onnx.is_in_onnx_export():
            return self.exported(x)
        if not self.started:
            with torch.no_grad():
                self.start(x.detach())
            as_in_the_first(self)
            self.started.fill_(True)
        return self.quantise(x)


class GridQuantiser(Quantiser):
    """Codes low..high times a ``scale``: what ONNX's Quant computes."""

    @abstractmethod
    def scale(self) -> Tensor:
        """The grid's step, > 0, of shape :attr:`per_channel`."""

    def zero(self) -> Tensor | float:
        """The zero point, an integer."""
        return 0.0

    def spacing(self) -> float:
        """Distance between neighbouring values, for one scale per tensor."""
        return float(self.scale().detach())

    def codes(self, x: Tensor) -> Tensor:
        return torch.round(x / self.scale() + self.zero()).clamp(self.low, self.high)

    def exported(self, x: Tensor) -> Tensor:
        return QuantNode.apply(x, self.scale(), self.zero(), self.bits, self.signed, self.narrow)


class RoundThrough(torch.autograd.Function):
    """Round half to even; the gradient passes unchanged (straight-through estimator)."""

    @staticmethod
    def forward(_context: object, x: Tensor) -> Tensor:
        return torch.round(x)

    @staticmethod
    def backward(_context: object, gradient: Tensor) -> Tensor:
        return gradient


def round_through(x: Tensor) -> Tensor:
    """Round, with the gradient of the identity."""
    return RoundThrough.apply(x)
