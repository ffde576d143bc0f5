"""The QONNX operators as PyTorch functions that the exporter understands.

Definitions: github.com/fastmachinelearning/qonnx, ``docs/qonnx-custom-ops``. Both run only while a
model is exported; training and evaluation use the quantisers' own arithmetic.
"""

import torch
from torch import Tensor

DOMAIN = "qonnx.custom_op.general"


class QuantNode(torch.autograd.Function):
    """Quant: clip and round x / scale + zero to ``bits``, and back."""

    @staticmethod
    def forward(
        _context: object,
        x: Tensor,
        scale: Tensor,
        zero: Tensor | float,
        bits: int,
        signed: bool,
        narrow: bool,
    ) -> Tensor:
        low = -(2 ** (bits - 1)) + narrow if signed else 0
        high = 2 ** (bits - 1) - 1 if signed else 2**bits - 1 - narrow
        return (torch.round(x / scale + zero).clamp(low, high) - zero) * scale

    @staticmethod
    def symbolic(
        g: object,
        x: object,
        scale: object,
        zero: object,
        bits: int,
        signed: bool,
        narrow: bool,
    ) -> object:
        if isinstance(zero, float):
            zero = g.op("Constant", value_t=torch.tensor(zero))
        return g.op(
            f"{DOMAIN}::Quant",
            x,
            scale,
            zero,
            g.op("Constant", value_t=torch.tensor(float(bits))),
            signed_i=int(signed),
            narrow_i=int(narrow),
            rounding_mode_s="ROUND",
        ).setType(x.type())


class BipolarNode(torch.autograd.Function):
    """BipolarQuant: +scale where x >= 0, else -scale."""

    @staticmethod
    def forward(_context: object, x: Tensor, scale: Tensor) -> Tensor:
        return torch.where(x >= 0, scale, -scale)

    @staticmethod
    def symbolic(g: object, x: object, scale: object) -> object:
        return g.op(f"{DOMAIN}::BipolarQuant", x, scale).setType(x.type())
