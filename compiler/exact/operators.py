"""ONNX and QONNX operators on real numbers, and on integers in their own type.

Operands are :class:`Reals`, or plain arrays of an integer type or of booleans; an absent operand is
None. Attributes that a node leaves out are the float32 numbers that an exporter would have written.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
from onnx import NodeProto, defs, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from compiler.errors import UnsupportedError
from compiler.exact import quantising, windows
from compiler.exact.grids import on_grid
from compiler.exact.reals import (
    Array,
    Number,
    Reals,
    elementwise,
    gather,
    maximum,
    minimum,
    number,
    transcendental,
)

Operand = Reals | Array | None
HALF = Fraction(1, 2)


def as_float32(value: float) -> float:
    return float(np.float32(value))


# Activations


def leaky_relu(a: dict, x: Reals) -> Reals:
    return prelu(a, x, Reals.exactly(a.get("alpha", as_float32(0.01))))


def prelu(_: dict, x: Reals, slope: Reals) -> Reals:
    error = max(x.error, x.error * (slope.size + slope.error) + slope.error * x.size)

    def on_arrays(x: Array, slope: Array) -> Array:
        return np.where(x >= 0, x, x * slope)

    return elementwise(on_arrays, lambda x, s: x if x >= 0 else x * s, error, x, slope)


def clip(_: dict, x: Reals, low: Operand = None, high: Operand = None) -> Reals:
    low = _.get("min") if low is None else low
    high = _.get("max") if high is None else high
    x = x if low is None else maximum(x, low)
    return x if high is None else minimum(x, high)


def sigmoid(_: dict, x: Reals) -> Reals:
    return transcendental(lambda v: 1 / (1 + np.exp(-v)), 0.25, x)


def hard_sigmoid(a: dict, x: Reals) -> Reals:
    sloping = x * a.get("alpha", as_float32(0.2)) + a.get("beta", 0.5)
    return maximum(minimum(sloping, 1.0), 0.0)


def hard_swish(_: dict, x: Reals) -> Reals:
    return x * maximum(minimum(x / 6.0 + 0.5, 1.0), 0.0)


def elu(a: dict, x: Reals) -> Reals:
    """Its negative half as a function of min(x, 0)."""
    alpha = a.get("alpha", 1.0)
    return maximum(x, 0.0) + transcendental(np.expm1, 1.0, minimum(x, 0.0)) * alpha


def softplus(_: dict, x: Reals) -> Reals:
    return transcendental(lambda v: np.logaddexp(v, 0.0), 1.0, x)


def mish(_: dict, x: Reals) -> Reals:
    return x * transcendental(lambda v: np.tanh(np.logaddexp(v, 0.0)), 1.0, x)


# Others on each element


def square_root(value: Number) -> Number:
    """Exact for squares, otherwise the float64 number."""
    if isinstance(value, Fraction) and value >= 0:
        top, bottom = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if (top * top, bottom * bottom) == (value.numerator, value.denominator):
            return Fraction(top, bottom)
    value = float(value)
    return number(math.nan if value < 0 else math.sqrt(value))


def batch_normalization(a: dict, x: Reals, *parameters: Reals) -> Reals:
    """Inference only (onnx's own, opset 9, trains where momentum is given)."""
    spread = (1, -1, *[1] * (len(x.shape) - 2))
    scale, bias, mean, variance = (
        Reals(p.values.reshape(spread), p.error, p.levels) for p in parameters
    )
    numbers = (variance + a.get("epsilon", as_float32(1e-5))).levels()
    roots = [square_root(n) for n in numbers.numbers]
    deviation = Reals.fractions([roots[i] for i in numbers.index], variance.shape)
    return scale * ((x - mean) / deviation) + bias


def where(_: dict, condition: Operand, x: Operand, y: Operand) -> Reals:
    """Elements of x where the condition holds, of y elsewhere."""
    condition, x, y = (Reals.of(each) for each in (condition, x, y))
    shape = np.broadcast_shapes(condition.shape, x.shape, y.shape)
    places = [
        np.broadcast_to(np.arange(each.values.size).reshape(each.shape), shape) for each in (x, y)
    ]
    chosen = np.where(condition.values != 0, places[0], places[1] + x.values.size)
    return gather([x, y], chosen)


def divide_integers(x: Array, y: Array) -> Array:
    """ONNX Div of integers: towards zero."""
    # The remainder of fmod has the sign of x, so that what is left divides exactly.
    return (x - np.fmod(x, y)) // y


def fold(function: Callable, operands: tuple) -> Reals:
    result = Reals.of(operands[0])
    for operand in operands[1:]:
        result = function(result, operand)
    return result


def rounded(mode: str) -> Callable[[dict, Reals], Reals]:
    return lambda _, x: quantising.round_by(mode, x)


def compared(op: str) -> Callable[..., Array]:
    return lambda _, x, y: quantising.comparison(op, Reals.of(x), Reals.of(y))


#: At least one operand is real.
ON_REALS: dict[str, Callable[..., Operand]] = {
    "Relu": lambda _, x: maximum(x, 0.0),
    "LeakyRelu": leaky_relu,
    "PRelu": prelu,
    "Elu": elu,
    "Clip": clip,
    "Sigmoid": sigmoid,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": hard_swish,
    "Tanh": lambda _, x: transcendental(np.tanh, 1.0, x),
    "Softplus": softplus,
    "Softsign": lambda _, x: x / (1.0 + abs(x)),
    "Mish": mish,
    "BatchNormalization": batch_normalization,
    "Add": lambda _, x, y: x + y,
    "Sub": lambda _, x, y: x - y,
    "Mul": lambda _, x, y: x * y,
    "Div": lambda _, x, y: Reals.of(x) / y,
    "Neg": lambda _, x: -x,
    "Abs": lambda _, x: abs(x),
    "Min": lambda _, *x: fold(minimum, x),
    "Max": lambda _, *x: fold(maximum, x),
    "Round": rounded("ROUND"),
    "Floor": rounded("FLOOR"),
    "Ceil": rounded("CEIL"),
    "Sign": lambda _, x: quantising.sign(x),
    "Greater": compared("Greater"),
    "GreaterOrEqual": compared("GreaterOrEqual"),
    "Less": compared("Less"),
    "LessOrEqual": compared("LessOrEqual"),
    "Where": where,
    "Quant": quantising.quant,
    "IntQuant": quantising.quant,
    "BipolarQuant": quantising.bipolar_quant,
    "QuantizeLinear": quantising.quantize_linear,
    "DequantizeLinear": quantising.dequantize_linear,
    "MultiThreshold": quantising.multi_threshold,
    "Cast": quantising.cast,
    "Conv": windows.conv,
    "ConvTranspose": windows.conv_transpose,
    "MaxPool": windows.max_pool,
    "AveragePool": windows.average_pool,
    "GlobalAveragePool": windows.global_average_pool,
    "Identity": lambda _, x: x,
    "Dropout": lambda _, *operands: operands[0],
}

#: All operands are integers or booleans.
ON_INTEGERS: dict[str, Callable[..., Operand]] = {
    "Cast": quantising.cast,
    "ConvInteger": windows.conv_integer,
    "MaxPool": windows.max_pool_integers,
    "Div": lambda _, x, y: divide_integers(x, y),
    "Identity": lambda _, x: x,
    "Dropout": lambda _, *operands: operands[0],
}

#: What they do depends on the types of their operands, which all others take for numbers.
TYPED = {"Cast", "QuantizeLinear", "DequantizeLinear", "Identity", "Dropout"}

#: Only move elements of their first operand, or of all.
MOVING = {
    "Concat", "Split", "Slice", "Resize", "Upsample", "Pad", "Reshape", "Transpose", "Flatten",
    "Squeeze", "Unsqueeze", "Expand", "Gather", "DepthToSpace", "SpaceToDepth", "Tile",
}  # fmt: skip


def attributes(node: NodeProto) -> dict[str, Any]:
    """Attributes as Python values, text decoded."""
    result = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in result.items()}


def evaluate(node: NodeProto, opset: int, operands: list[Operand]) -> list[Operand]:
    """Results of a node. UnsupportedError where it is not known here, nor to the onnx package."""
    a = attributes(node)
    if node.op_type == "Constant" and "value" in a:
        return [as_operand(numpy_helper.to_array(a["value"]))]
    is_real = any(isinstance(operand, Reals) for operand in operands)
    if node.op_type in MOVING and isinstance(operands[0], Reals):
        moved = move(node, a, opset, operands)
        if moved is not None:
            return moved
    from_integers = node.op_type in ("QuantizeLinear", "DequantizeLinear")
    table = ON_REALS if is_real or from_integers else ON_INTEGERS
    if node.op_type in table:
        if is_real and node.op_type not in TYPED:
            operands = [operand if operand is None else Reals.of(operand) for operand in operands]
        return [table[node.op_type](a, *operands)]
    plain = [o.values if isinstance(o, Reals) else o for o in operands]
    if node.op_type == "ConvInteger":  # of integers that QuantizeLinear made
        return [windows.conv_integer(a, *plain)]
    return [as_operand(value) for value in standard(node, opset, plain)]


def as_operand(value: Array) -> Operand:
    """Floats of any width as real numbers, other types as they are."""
    floating = value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    return Reals.exactly(value.astype(np.float64)) if floating else value


def move(node: NodeProto, a: dict, opset: int, operands: list[Operand]) -> list[Operand] | None:
    """Results of an operator that moves elements: it is run on their places.

    None where it computes after all, as Resize may.
    """
    if node.op_type in ("Resize", "Upsample") and a.get("mode", "nearest") != "nearest":
        return None
    data = {"Concat": range(len(operands)), "Pad": (0, 2)}.get(node.op_type, (0,))
    # Place 0 is what fills where nothing is moved to: 0, or an old Pad's attribute.
    pool, given, start = [Reals.exactly([a.get("value", 0.0)])], [], 1
    if node.op_type == "Pad" and isinstance(operands[0], Reals):
        pool = [before_float32(pool[0], operands[0])]
        if len(operands) > 2 and operands[2] is not None:
            fill = before_float32(Reals.of(operands[2]), operands[0])
            operands = [*operands[:2], fill, *operands[3:]]
    for position, operand in enumerate(operands):
        if operand is None or position not in data:
            given.append(operand.values if isinstance(operand, Reals) else operand)
            continue
        operand = Reals.of(operand)
        count = operand.values.size
        given.append(np.arange(start, start + count, dtype=np.float64).reshape(operand.shape))
        pool.append(operand)
        start += count
    bare = NodeProto()
    bare.CopyFrom(node)
    if node.op_type == "Upsample" or (node.op_type == "Resize" and opset < 11):
        opset, given = 11, enlarge_as_of_11(bare, a, given)
    if node.op_type == "Pad":
        kept = [each for each in node.attribute if each.name != "value"]
        del bare.attribute[:]
        bare.attribute.extend(kept)
    results = []
    for places in standard(bare, opset, given):
        places = places.astype(np.intp)
        filled = not places.size or places.min() == 0
        results.append(gather(pool, places) if filled else gather(pool[1:], places - 1))
    return results


def before_float32(fill: Reals, x: Reals) -> Reals:
    """The multiple of the unit of ``x`` that float32 has made ``fill`` [1] of, if there is one.

    So a picture of k / 255 that is padded with 114 / 255 as a float32 number stays on its grid.
    """
    value = float(fill.values.reshape(-1)[0])
    if value == 0 or not np.isfinite(value):
        return fill
    grid = on_grid(x.levels().numbers)
    if grid is None:
        return fill
    multiple = round(Fraction(value) / grid[1]) * grid[1]
    near = np.float32(float(multiple)) == np.float32(value)
    return Reals.fractions([multiple], fill.shape) if near else fill


def enlarge_as_of_11(node: NodeProto, a: dict, operands: list[Array | None]) -> list[Array | None]:
    """Operands of Resize (11) for those of Upsample (7, 9) or Resize (10); changes the node so.

    The older ones have no region, and repeat element floor(position / scale).
    """
    scales = np.asarray(a["scales"], np.float32) if "scales" in a else operands[1]
    node.op_type = "Resize"
    del node.attribute[:]
    node.attribute.extend(
        helper.make_attribute(name, value)
        for name, value in {"mode": "nearest", "nearest_mode": "floor",
                            "coordinate_transformation_mode": "asymmetric"}.items()
    )  # fmt: skip
    del node.input[:]
    node.input.extend(["data", "", "scales"])
    return [operands[0], None, np.asarray(scales, np.float32)]


def standard(node: NodeProto, opset: int, operands: list[Array | None]) -> list[Array]:
    """A standard operator by onnx's reference implementation, floats in float64."""
    given = {n: v for n, v in zip(node.input, operands, strict=True) if v is not None}
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for n, v in given.items()
    ]
    bare = NodeProto()
    bare.CopyFrom(node)
    bare.domain = ""
    outputs = [helper.make_empty_tensor_value_info(n) for n in node.output if n]
    graph = helper.make_graph([bare], "one", infos, outputs)
    newest = defs.onnx_opset_version()
    reason: Exception | None = None
    # Some operators are older than their reference implementation.
    for version in dict.fromkeys((min(opset, newest), newest)):
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)])
        try:
            return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, given)]
        except Exception as error:  # whatever the onnx package raises
            reason = reason or error
    raise UnsupportedError(
        f"{node.op_type} {node.name!r} cannot be computed for comparison ({reason})."
    )
