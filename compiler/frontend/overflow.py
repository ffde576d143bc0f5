"""Integers between a convolution and its quantiser must not wrap around.

Where they do, codes are no step function of the sums, so it is shown beforehand that they do not:
every operator is computed on the smallest and largest sum of each channel, without limits.
"""

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.expressions import Expression
from compiler.frontend.integers import limits
from compiler.frontend.ir import Node
from compiler.frontend.operators.elementwise import integer_ends


def check_overflow(expression: Expression, low: np.ndarray, high: np.ndarray) -> None:
    """UnsupportedError where an integer result leaves its type for leaf values low[c]..high[c].

    Only for expressions of one leaf.
    """
    graph, leaf = expression.graph, expression.leaves[0]
    if leaf not in graph.types:
        return
    both = np.stack([low, high], axis=-1).astype(np.int64).astype(object)
    ends = {leaf: both.reshape(1, -1, 1, 2)}
    for node in expression.nodes:
        if node.output not in graph.types:
            continue
        result = ends[node.output] = integer_ends(node, graph, ends)
        least, most = limits(graph.types[node.output])
        for value in (result.min(), result.max()):
            if not least <= value <= most:
                raise wraps(expression, node, value)


def wraps(expression: Expression, node: Node, value: int) -> UnsupportedError:
    kind = expression.graph.types[node.output]
    advice = "Cast to 64 bits before it" if kind.itemsize < 8 else "Use smaller constants"
    if value < 0 and kind.kind == "u":
        advice = "Take the Max with 0 (or Relu, Clip) before it"
    elif node.op == "Cast":
        advice = f"Clip to what {kind} holds before it"
    return UnsupportedError(
        f"{node}: its result {node.output!r} is {kind} and wraps around: sums "
        f"{expression.leaves[0]!r} lead to {value}; supported are integers that fit their type "
        f"for every sum that the weights allow. {advice}."
    )
