"""The ONNX file in the arithmetic of runtimes: integers in convolutions, float32 elsewhere.

A second reading of the file, independent of the front end, of what codes of more than 4 bits must
be (docs/numerics.md, 3): behind DequantizeLinear, Conv and QuantizeLinear the formula of
QLinearConv, also of AveragePool, in everything else one rounding to float32 for each operator.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, helper

from compiler.check.reference import in_order
from compiler.check.roundings import KEEPING, QUANTISERS, constants_of
from compiler.exact.operators import attributes, evaluate
from compiler.exact.picture import input_of
from compiler.exact.reals import Reals
from compiler.exact.windows import padded, sums_of_products

Array = np.ndarray
#: Behind a convolution these only limit the codes.
LIMITING = {"Relu", "Clip", "Identity"}
AVERAGES = {"AveragePool", "GlobalAveragePool"}
#: A bias counts as one of integers if its scale is that of the sums but for float32 roundings.
SAME = 1e-6


@dataclass(frozen=True, eq=False)
class Group:
    """A convolution of integers, or an average: its input, ``source``, is a multiple of ``step``;
    ``given``: attributes of a Conv; ``bias`` int64 [C]; ``multiplier`` float32 [C] before the
    division by the result's scale; ``before``: operators between it and its quantiser."""

    source: str
    given: dict
    step: float
    weights: Array
    bias: Array
    multiplier: Array
    before: tuple[NodeProto, ...]


class Formula:
    """Computes a file for one picture; ``watch`` sees floats and codes, and may replace them."""

    def __init__(self, model: ModelProto, watch: Callable[[str, Array], Array]):
        self.model, self.watch = model, watch
        self.constants = constants_of(model)
        self.makers = {name: node for node in model.graph.node for name in node.output}
        #: Tensors of floats that convolutions made; and those of codes whose arithmetic is known:
        #: the formula's, or what float32 makes of other codes.
        self.sums: set[str] = set()
        self.known: set[str] = set()
        versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
        self.opset = max(versions, default=1)

    def run(self, picture: Array) -> dict[str, Array]:
        """Every tensor for ``picture`` float32 [1, C, H, W]: floats as float32, codes as int64."""
        values = {
            name: value if value.dtype.kind != "f" else value.astype(np.float32)
            for name, value in self.constants.items()
        }
        name, _ = input_of(self.model)
        values[name] = self.watch(name, picture)
        for node in in_order(self.model.graph.node, set(values)):
            if node.output[0] in values:
                continue
            results = self.results(node, values)
            self.note(node)
            for output, value in zip(node.output, results, strict=False):
                values[output] = self.watch(output, value) if output else value
        return values

    def note(self, node: NodeProto) -> None:
        """Keep whether a result comes from a convolution that is not computed in integers."""
        rounds = node.op_type in QUANTISERS
        if node.op_type == "Conv" or (not rounds and not self.sums.isdisjoint(node.input)):
            self.sums.update(node.output)
        if rounds:
            is_known = self.is_kernel or node.input[0] not in self.sums
        else:
            is_known = node.op_type in KEEPING and node.input[0] in self.known
        if is_known:
            self.known.update(node.output)

    def results(self, node: NodeProto, values: dict[str, Array]) -> list[Array]:
        """Results of one node."""
        operands = [values[name] if name else None for name in node.input]
        self.is_kernel = False
        match node.op_type:
            case "QuantizeLinear":
                group = self.group(node, values)
                if group is not None:
                    self.is_kernel = True
                    return [self.kernel(group, node, values)]
                if operands[1].size == 1:
                    return [quantised(operands[0], self.parameters(node, values))]
            case "HardSwish":
                slope = np.float32(1) / np.float32(6)
                gate = np.clip(operands[0] * slope + np.float32(0.5), 0, 1)
                return [operands[0] * gate.astype(np.float32)]
            case "HardSigmoid":
                given = attributes(node)
                slope, offset = (
                    np.float32(given.get(key, value))
                    for key, value in (("alpha", 0.2), ("beta", 0.5))
                )
                return [np.clip(operands[0] * slope + offset, 0, 1).astype(np.float32)]
        found = evaluate(node, self.opset, [as_operand(value) for value in operands])
        return [
            value.values.astype(np.float32) if isinstance(value, Reals) else value
            for value in found
        ]

    def parameters(self, node: NodeProto, values: dict[str, Array]) -> tuple:
        """(scale float32, zero int64, low, high) of a QuantizeLinear or DequantizeLinear."""
        scale = values[node.input[1]].astype(np.float32)
        zero = values[node.input[2]] if len(node.input) > 2 and node.input[2] else None
        kind = zero.dtype if zero is not None else kind_of_codes(node)
        bits = int("".join(c for c in kind.name if c.isdigit()))
        low, high = (
            (0, 2**bits - 1)
            if kind.name.startswith("u")
            else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
        )
        zero = np.zeros(1, np.int64) if zero is None else zero.astype(np.int64)
        rank = 4 if node.input[0] not in self.constants else values[node.input[0]].ndim
        if scale.size > 1:
            form = [1] * rank
            form[attributes(node).get("axis", 1)] = -1
            scale, zero = scale.reshape(form), zero.reshape(form) if zero.size > 1 else zero
        elif scale.ndim:
            scale, zero = scale.reshape(()), zero.reshape(())
        return scale, zero if zero.size > 1 else zero.reshape(()), low, high

    def group(self, node: NodeProto, values: dict[str, Array]) -> Group | None:
        """The convolution of integers whose sums a QuantizeLinear rounds, if they are that."""
        before, maker = [], self.makers.get(node.input[0])
        while maker is not None and maker.op_type in LIMITING:
            before.insert(0, maker)
            maker = self.makers.get(maker.input[0])
        if maker is not None and maker.op_type in AVERAGES:
            return self.average(maker, values, tuple(before))
        if maker is None or maker.op_type != "Conv":
            return None
        parts = [self.makers.get(name) if name else None for name in maker.input]
        if any(p is None or p.op_type != "DequantizeLinear" for p in parts):
            return None
        rows = attributes(parts[1]).get("axis", 1) == 0 or values[parts[1].input[1]].size == 1
        if not rows or any(attributes(part).get("block_size", 0) for part in parts):
            return None
        scale = self.parameters(parts[0], values)[0]
        steps, weight_zero, _, _ = self.parameters(parts[1], values)
        own = values[parts[1].input[0]].astype(np.int64) - weight_zero
        if scale.size > 1 or steps.size not in (1, len(own)):
            return None
        multiplier = np.broadcast_to(scale * steps.reshape(-1), len(own))
        bias = np.zeros(len(own), np.int64)
        if len(parts) > 2:
            units, bias_zero, _, _ = self.parameters(parts[2], values)
            if (np.abs(units.reshape(-1) / multiplier - 1) > SAME).any():
                return None
            bias = values[parts[2].input[0]].astype(np.int64) - bias_zero
        given = attributes(maker)
        return Group(maker.input[0], given, float(scale), own, bias, multiplier, tuple(before))

    def average(
        self, node: NodeProto, values: dict[str, Array], before: tuple[NodeProto, ...]
    ) -> Group | None:
        """An average of codes over windows of one size: the padding counts, or there is none."""
        source = node.input[0]
        maker = self.makers.get(source)
        if maker is None or maker.op_type != "DequantizeLinear":
            return None
        scale = self.parameters(maker, values)[0]
        given, x = attributes(node), values[source]
        kernel = tuple(given.get("kernel_shape", x.shape[2:]))
        inside, beyond = padded(given, x, kernel, 0.0)
        is_uneven = inside.shape != x.shape and not given.get("count_include_pad", 0)
        if scale.size > 1 or is_uneven or any(beyond):
            return None
        channels = x.shape[1]
        share = np.float32(1 / np.prod(kernel))
        return Group(
            source, {**given, "group": channels}, float(scale),
            np.ones((channels, 1, *kernel), np.int64), np.zeros(channels, np.int64),
            np.full(channels, scale * share), before,
        )  # fmt: skip

    def kernel(self, group: Group, node: NodeProto, values: dict[str, Array]) -> Array:
        """Codes int64 of the formula."""
        scale, zero, low, high = self.parameters(node, values)
        whole = np.rint(values[group.source].astype(np.float64) / group.step)
        sums = sums_of_products(group.given, whole, group.weights.astype(np.float64))
        sums = sums.astype(np.int64) + group.bias.reshape(1, -1, 1, 1)
        multiplier = (group.multiplier / scale).astype(np.float32).reshape(1, -1, 1, 1)
        codes = np.clip(np.rint(sums.astype(np.float32) * multiplier) + zero, low, high)
        for limit in group.before:
            ends = {"Relu": (0.0, np.inf)}.get(limit.op_type)
            if limit.op_type == "Clip":
                given = attributes(limit)
                ends = [
                    values[limit.input[i]] if len(limit.input) > i and limit.input[i]
                    else given.get(key, other)
                    for i, key, other in ((1, "min", -np.inf), (2, "max", np.inf))
                ]  # fmt: skip
            if ends is None:
                continue
            least, most = (quantised(np.float32(end), (scale, zero, low, high)) for end in ends)
            codes = np.minimum(np.maximum(codes, least), most)
        return codes.astype(np.int64)


def quantised(x: Array, parameters: tuple) -> Array:
    """QuantizeLinear in float32: codes int64."""
    scale, zero, low, high = parameters
    return np.clip(np.rint(x.astype(np.float32) / scale) + zero, low, high).astype(np.int64)


def kind_of_codes(node: NodeProto) -> np.dtype:
    """The type of codes without a zero point: that of the attribute, or uint8."""
    code = attributes(node).get("output_dtype", 0)
    return helper.tensor_dtype_to_np_dtype(code) if code else np.dtype(np.uint8)


def as_operand(value: Array | None) -> Reals | Array | None:
    """Floats as real numbers."""
    if value is None or value.dtype.kind != "f":
        return value
    return Reals.exactly(value.astype(np.float64))
