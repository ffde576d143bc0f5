"""Convolutions that runtimes compute in integers, with one rounding in float32.

The kernel behind DequantizeLinear, Conv, QuantizeLinear (ONNX QLinearConv) adds the products of
codes, and a bias of integers, in int32, and multiplies that with one float32 number per channel.
An average of codes is such a convolution: weights of 1, whose step is the share of one code.
Where a result has more than 4 bits, its codes are those of the kernel (docs/numerics.md, 3).
"""

from dataclasses import dataclass

import numpy as np

from compiler.frontend import spec
from compiler.frontend.expressions import Expression
from compiler.frontend.ir import Graph, Node
from compiler.frontend.sums import Sums

#: A bias of integers has the scale of the sums but for its rounding to float32.
TOLERANCE = 2.0**-20


@dataclass(frozen=True, eq=False)
class IntegerKernel:
    """Codes of sums v: clip(rint(float32(factor * v + bias) * multiplier) + zero, low, high).

    ``factor`` and ``bias`` int64 [C], ``multiplier`` float32 [C]. ``rest``: what is left of the
    function, from the codes ``leaf`` on.
    """

    factor: np.ndarray
    bias: np.ndarray
    multiplier: np.ndarray
    zero: int
    low: int
    high: int
    leaf: str
    rest: Expression

    def codes(self, sums: np.ndarray) -> np.ndarray:
        """Codes float64 [C, n], as QuantizeLinear gives them, of integer sums [C, n]."""
        whole = self.factor[:, None] * sums.astype(np.int64) + self.bias[:, None]
        product = whole.astype(np.float32) * self.multiplier[:, None]
        return np.clip(np.rint(product).astype(np.float64) + self.zero, self.low, self.high)

    def values(self, sums: np.ndarray) -> np.ndarray:
        """Values [1, C, 1, n] at the end of the function."""
        return self.rest.evaluate({self.leaf: self.codes(sums)[None, :, None, :]})


def integer_kernel(graph: Graph, sums: Sums, expression: Expression) -> IntegerKernel | None:
    """The kernel for a function of a convolution's sums that starts with a QuantizeLinear.

    None where runtimes have none: other operators, a bias that is no multiple of the sums' scale.
    """
    place = next((i for i, n in enumerate(expression.nodes) if n.op == "QuantizeLinear"), None)
    if place is None or any(node.op not in spec.LIMITING for node in expression.nodes[:place]):
        return None
    quantiser = expression.nodes[place]
    scale, zero = (graph.constants[tensor] for tensor in quantiser.inputs[1:3])
    found = factors_of_steps(graph, sums)
    if found is None or scale.size > 1 or zero.size > 1:
        return None
    factor, units = found
    bias = whole_bias(graph, sums, units)
    if bias is None or wraps(factor, bias, sums):
        return None
    scale, zero = np.float32(scale.reshape(())), int(zero.reshape(()))
    low, high = limits(graph, expression.nodes[:place], quantiser, scale, zero)
    rest = Expression(graph, expression.tensor, expression.nodes[place + 1 :], (quantiser.output,))
    return IntegerKernel(factor, bias, units / scale, zero, low, high, quantiser.output, rest)


def factors_of_steps(graph: Graph, sums: Sums) -> tuple[np.ndarray, np.ndarray] | None:
    """(factor int64 [C], units float32 [C]): the sums of the file's integers are factor * sums.

    ``units`` is what one of those stands for, rounded. None where weights or input are not integers
    times a float32 number.
    """
    steps = graph.steps.get(sums.node.inputs[1])
    scale = sums.source.encoding.scale
    step = step_of(graph, sums.node.inputs[0], scale)
    if steps is None or float(np.float32(step)) != step:
        return None
    steps = np.broadcast_to(steps, sums.scales.shape)
    empty = ~sums.weights.reshape(len(steps), -1).any(axis=1)
    factor = np.where(empty, 0, np.rint(sums.scales / steps)).astype(np.int64)
    part = round(scale / step)
    if part * step != scale or not ((factor * steps == sums.scales) | empty).all():
        return None
    return factor * part, steps.astype(np.float32) * np.float32(step)


def step_of(graph: Graph, tensor: str, scale: float) -> float:
    """The scale of the DequantizeLinear that gives a tensor of codes; ``scale`` where none does.

    The encoding's is a multiple of it where the quantiser leaves codes out.
    """
    node = graph.producers.get(tensor)
    if node is not None and node.op == "Quantise":
        node = graph.producers.get(node.inputs[0])
    if node is None or node.op not in spec.LEAVING or graph.constants[node.inputs[1]].size > 1:
        return scale
    return float(graph.constants[node.inputs[1]].reshape(()))


def wraps(factor: np.ndarray, bias: np.ndarray, sums: Sums) -> bool:
    """Whether a sum with its bias is beyond the kernel's int32."""
    ends = [factor * end.astype(np.int64) + bias for end in (sums.low, sums.high)]
    return bool((np.abs(ends) >= 1 << 31).any())


def whole_bias(graph: Graph, sums: Sums, units: np.ndarray) -> np.ndarray | None:
    """The bias in units of the sums, int64 [C]; None where the file has it otherwise.

    Zeros are that in any unit, such as biases that an exporter shares between convolutions.
    """
    tensor = sums.node.operand(2)
    if not tensor:
        return np.zeros(units.shape, np.int64)
    steps = graph.steps.get(tensor)
    if steps is None or ((np.abs(steps / units - 1) > TOLERANCE) & (sums.bias != 0)).any():
        return None
    return np.rint(sums.bias / steps).astype(np.int64)


def limits(
    graph: Graph, before: tuple[Node, ...], quantiser: Node, scale: np.float32, zero: int
) -> tuple[int, int]:
    """Smallest and largest code: the quantiser's own, and what stands before it."""
    low, high = quantiser.attributes["low"], quantiser.attributes["high"]

    def code(value: float) -> int:
        return int(np.clip(np.rint(np.float32(value) / scale) + zero, low, high))

    least, most = low, high
    for node in before:
        below, above = -np.inf, np.inf
        if node.op == "Relu":
            below = 0.0
        elif node.op == "Clip":
            ends = [graph.constants.get(node.operand(place)) for place in (1, 2)]
            below, above = (
                other if value is None else float(value.reshape(-1)[0])
                for value, other in zip(ends, (-np.inf, np.inf), strict=True)
            )
        # In this order: Clip with crossed limits gives the upper one.
        least, most = max(least, code(below)), max(most, code(below))
        least, most = min(least, code(above)), min(most, code(above))
    return least, most
