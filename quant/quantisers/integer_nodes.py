"""Integer arithmetic as PyTorch functions that the exporter writes in ONNX's integer operators.

While a model is exported, tensors of these functions stand for integers: uint8 codes, int32 sums.
The spelling is the one of docs/numerics.md, section 6, which onnxruntime executes. Outside of an
export ``sum_of_codes`` is a plain addition.
"""

import torch
from onnx import TensorProto
from torch import Tensor, nn
from torch.nn import functional as F

INT32, INT8 = TensorProto.INT32, TensorProto.INT8
#: Names of a node that stands in an export until it is spelled out.
DOMAIN, REQUANTISE = "onefour", "Requantise"


class _IntegerSums(torch.autograd.Function):
    """ConvInteger and the addition of an integer to each channel."""

    @staticmethod
    def forward(
        _context: object,
        x: Tensor,
        weight: Tensor,
        added: Tensor,
        stride: list[int],
        padding: list[int],
        groups: int,
    ) -> Tensor:
        # Only bytes are cast: a cast that changes nothing returns x itself, and the tracer would
        # take that for x's new value.
        x = x if x.is_floating_point() else x.to(weight.dtype)
        return F.conv2d(x, weight, None, stride, padding, 1, groups) + added

    @staticmethod
    def symbolic(
        g: object,
        x: object,
        weight: object,
        added: object,
        stride: list[int],
        padding: list[int],
        groups: int,
    ) -> object:
        sums = g.op(
            "ConvInteger",
            x,
            g.op("Cast", weight, to_i=INT8),
            strides_i=stride,
            pads_i=padding * 2,
            group_i=groups,
        )
        return g.op("Add", sums, g.op("Cast", added, to_i=INT32))


def integer_sums(x: Tensor, weight: Tensor, added: Tensor, conv: nn.Conv2d) -> Tensor:
    """Sums of codes ``x`` and integer ``weight``, plus ``added`` [c]; for export."""
    column = added.view(1, -1, 1, 1)
    stride, padding = list(conv.stride), list(conv.padding)
    return _IntegerSums.apply(x, weight, column, stride, padding, conv.groups)


class _SumOfCodes(torch.autograd.Function):
    """Two code tensors of one scale, added as int32."""

    @staticmethod
    def forward(_context: object, a: Tensor, b: Tensor) -> Tensor:
        return a + b

    @staticmethod
    def symbolic(g: object, a: object, b: object) -> object:
        return g.op("Add", g.op("Cast", a, to_i=INT32), g.op("Cast", b, to_i=INT32))


def sum_of_codes(a: Tensor, b: Tensor) -> Tensor:
    """Add two tensors; exported, in int32."""
    return _SumOfCodes.apply(a, b) if torch.onnx.is_in_onnx_export() else a + b


class _Requantise(torch.autograd.Function):
    """min((max(x, 0) * factor + 2^(shift - 1)) >> shift, high)."""

    @staticmethod
    def forward(_context: object, x: Tensor, _factor: Tensor, _shift: Tensor, high: int) -> Tensor:
        return x.clamp(0, high)

    @staticmethod
    def symbolic(g: object, x: object, factor: object, shift: object, high: int) -> object:
        # PyTorch's exporter knows no uint64: ``quant.exports.expand_requantise`` spells this out
        # later.
        return g.op(f"{DOMAIN}::{REQUANTISE}", x, factor, shift, high_i=high).setType(x.type())


def requantise_node(x: Tensor, factor: Tensor, shift: Tensor, high: int) -> Tensor:
    """Codes of integer sums ``x``; for export."""
    return _Requantise.apply(x, factor, shift, high)
