"""Graphs and networks as text, one operator a line."""

from collections.abc import Iterator

import numpy as np

from compiler.frontend.encoding import Encoding
from compiler.frontend.ir import Graph, Node
from compiler.frontend.values import Levels, Values, encodings, graph_values
from golden.network import Convolution, Network, Operator, TableSum, WeightedSum

#: Levels that are shown as a number of them: more are as good as any number.
MOST_LEVELS = 256


def graph_lines(graph: Graph) -> Iterator[str]:
    """One line a node: operator, name, inputs and results with shapes and what is known of them.

    Constants are followed by their shape; other tensors by shape and, once the picture's encoding
    is known, by their codes or the number of values that they can take.
    """
    known: dict[str, Encoding] = {}
    values: dict[str, Values] = {}
    if graph.picture is not None:
        with np.errstate(all="ignore"):
            values, known = graph_values(graph), encodings(graph)
    yield f"input {graph.input}{about(graph, graph.input, known, values)}"
    for node in graph.nodes:
        inputs = ", ".join(
            tensor + about(graph, tensor, known, values) for tensor in node.inputs if tensor
        )
        outputs = ", ".join(
            tensor + about(graph, tensor, known, values) for tensor in node.outputs if tensor
        )
        yield f"{node.op} {node.name!r}: {inputs} -> {outputs}{attributes(node)}"
    for result, tensor in zip(graph.results, graph.outputs, strict=True):
        yield f"output {result}: {tensor}{about(graph, tensor, known, values)}"


def about(graph: Graph, tensor: str, known: dict[str, Encoding], values: dict[str, Values]) -> str:
    """Shape of a tensor, its value where it is one number, its codes, or how many values it has."""
    if tensor in graph.constants:
        value = graph.constants[tensor]
        is_one = value.size == 1
        return f" = {value.reshape(-1)[0]:.6g}" if is_one else f" const{shape(value.shape)}"
    text = shape(graph.shapes[tensor]) if tensor in graph.shapes else "[?]"
    if tensor in known:
        return f"{text} {codes(known[tensor])}"
    found = values.get(tensor)
    if isinstance(found, Levels):
        size = np.unique(found.rows).size
        text += f" {size} levels" if size <= MOST_LEVELS else " many levels"
    if tensor in graph.types:
        text += f" {graph.types[tensor]}"
    return text


def shape(sizes: tuple[int, ...]) -> str:
    return f"[{','.join(map(str, sizes))}]"


def codes(encoding: Encoding) -> str:
    """Bits of codes and what they stand for."""
    integers = encoding.integers
    return f"{encoding.bits} bits: {integers[0]}..{integers[-1]} x {encoding.scale:.6g}"


def attributes(node: Node) -> str:
    """What passes go by; encodings stand with the tensors."""
    shown = {k: v for k, v in node.attributes.items() if k not in ("opset", "encoding")}
    return "".join(
        f" {name}={value if np.ndim(value) < 2 and np.size(value) <= 8 else '...'}"
        for name, value in shown.items()
    )


def network_lines(network: Network) -> Iterator[str]:
    """The integer network: one line an operator with its result's bits and scale, then outputs."""
    table = "" if network.picture_table is None else "; codes of bytes by a table"
    yield f"picture {network.input}: {tensor_text(network, network.input)}{table}"
    for operator in network.operators:
        inputs = ", ".join(operator.inputs)
        result = tensor_text(network, operator.output)
        what = f"{type(operator).__name__} {operator.name!r}"
        yield f"{what}: {inputs} -> {operator.output}: {result}{details(operator)}"
    for output in network.outputs:
        scale, bias = np.asarray(output.scale), np.asarray(output.bias)
        yield (
            f"output {output.name}: {output.tensor} x {scale.min():.6g}..{scale.max():.6g} "
            f"+ {bias.min():.6g}..{bias.max():.6g}"
        )


def tensor_text(network: Network, name: str) -> str:
    """Shape, bits and scale of a tensor of codes; shape of raw sums."""
    if name not in network.tensors:
        return f"raw sums {shape(network.raw_shapes[name])}"
    t = network.tensors[name]
    return (
        f"{shape((t.channels, t.height, t.width))}, {t.bits} bits: "
        f"scale {t.scale:.6g} x ({t.step} x code + {t.offset})"
    )


def details(operator: Operator) -> str:
    """Window and range of weights of a convolution, factors or fraction bits of a sum."""
    if isinstance(operator, WeightedSum):
        return f"; factors {operator.factors}"
    if isinstance(operator, TableSum):
        return f"; tables with {operator.fraction} fraction bits"
    if not isinstance(operator, Convolution):
        return ""
    weights = operator.weights
    kernel = "x".join(map(str, weights.shape[2:]))
    stride = "x".join(map(str, operator.strides))
    groups = f", {operator.groups} groups" if operator.groups > 1 else ""
    table = "" if operator.table is None else ", then a table of codes"
    return f"; {kernel}, stride {stride}{groups}, weights {weights.min()}..{weights.max()}{table}"
