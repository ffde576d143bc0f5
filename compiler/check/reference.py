"""The original ONNX graph, computed independently of the front end.

Floats stand for the real numbers that they are, and every sum, product, quotient and tie is exact
(:mod:`compiler.exact.reals`); every integer has its own type. Sources: ONNX operator documentation,
QONNX documentation for its custom operators.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import onnx
from onnx import ModelProto, NodeProto, numpy_helper

from compiler.check.partner import run_onnxruntime
from compiler.errors import ReadError
from compiler.exact.operators import as_operand, evaluate
from compiler.exact.picture import from_floats, input_of
from compiler.exact.reals import Array, Reals

__all__ = ["compute", "run_float64", "run_onnxruntime"]

Value = Reals | Array
DEEPEST = 64
"""Operators in a row whose exact numbers are found only when asked for, one through the other."""


def compute(
    model: ModelProto,
    picture: Value,
    watch: Callable[[str, Value], Value] = lambda _, value: value,
) -> dict[str, Value]:
    """Every tensor of the network, in execution order.

    ``watch`` sees the input and each operator's results as they are computed, and returns what goes
    on in their place.
    """
    values: dict[str, Value] = {}
    depths: dict[str, int] = {}
    for tensor in model.graph.initializer:
        values[tensor.name] = as_operand(numpy_helper.to_array(tensor))
    name, _ = input_of(model)
    values[name] = watch(name, picture)
    versions = [o.version for o in model.opset_import if o.domain in ("", "ai.onnx")]
    opset = max(versions, default=1)
    for node in in_order(model.graph.node, set(values)):
        operands = [values[n] if n else None for n in node.input]
        results = evaluate(node, opset, operands)
        depth = 1 + max((depths.get(n, 0) for n in node.input), default=0)
        for n, value in zip([n for n in node.output if n], results, strict=False):
            values[n] = watch(n, value)
            depths[n] = depth
            if depth % DEEPEST == 0 and isinstance(values[n], Reals):
                values[n].levels()
    return values


def in_order(nodes: Iterable[NodeProto], known: set[str]) -> Iterator[NodeProto]:
    """Nodes after those that they need, otherwise in the file's order."""
    waiting = list(nodes)
    while waiting:
        later = []
        for node in waiting:
            if all(not n or n in known for n in node.input):
                known.update(node.output)
                yield node
            else:
                later.append(node)
        if len(later) == len(waiting):
            raise ReadError(
                f"{later[0].op_type} {later[0].name!r}: nothing computes its inputs "
                f"{list(later[0].input)}. The file is damaged."
            )
        waiting = later


def run_float64(model: str | Path | ModelProto, image: Array) -> dict[str, Array]:
    """Every tensor of the network for ``image`` [1, C, H, W], floats as float64.

    ``image`` holds floats, or for a network whose input is of integers the picture's codes. Floats
    beside a fraction of a small denominator, such as k / 255, stand for that fraction.
    """
    model = model if isinstance(model, ModelProto) else onnx.load(model)
    return {
        name: value.values if isinstance(value, Reals) else value
        for name, value in compute(model, from_floats(model, image)).items()
    }
