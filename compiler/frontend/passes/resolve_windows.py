"""Bring Conv, pooling and Pad nodes to one form: explicit pads, strides, dilations and groups."""

from dataclasses import replace

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.shapes import need_map, pad_amounts, pair, window_pads

LARGEST_KERNEL = 7


def resolve_windows(graph: Graph, context: Context) -> Graph:
    """Conv, MaxPool and Pad with attributes strides, pads, dilations, groups, kernel, value.

    AveragePool becomes a depthwise Conv where that is exact: integers 1 times the share of one
    element. UnsupportedError for a form that the integer network cannot express.
    """
    constants, steps = dict(graph.constants), dict(graph.steps)
    names = NameSupply.of(graph)
    nodes = []
    for node in graph.nodes:
        made = node.unknown()
        with context.at(node):
            match node.op:
                case "Conv" | "ConvInteger":
                    made = resolve_convolution(graph, node)
                case "MaxPool":
                    made = resolve_max_pool(graph, node)
                case "AveragePool" | "GlobalAveragePool":
                    name = names.fresh(f"{node.output}/weights")
                    made, constants[name] = average_as_convolution(graph, node, name)
                    steps[name] = constants[name].reshape(-1)[:1]
                case "Pad":
                    made = resolve_pad(graph, node)
                case _:
                    made = node
        nodes.append(made)
    shapes = {**graph.shapes, **{name: value.shape for name, value in constants.items()}}
    return replace(graph, nodes=tuple(nodes), constants=constants, shapes=shapes, steps=steps)


def resolve_convolution(graph: Graph, node: Node) -> Node:
    """Conv, versions 1..22, and ConvInteger, version 10."""
    source = need_map(node, graph.shapes.get(node.inputs[0]))
    for place, what in ((1, "weights"), (2, "bias")):
        if (node.op, place) == ("ConvInteger", 2):
            break  # zero points, which are not of a Conv's form
        tensor = node.operand(place)
        if (tensor or place == 1) and tensor not in graph.constants:
            raise UnsupportedError(
                f"{node}: {what} {tensor!r} must be constant; it depends on the picture."
            )
    weights = graph.constants[node.inputs[1]]
    kernel = weights.shape[2:]
    groups = node.attributes.get("group", 1)
    given = node.attributes.get("kernel_shape", kernel)
    if tuple(given) != tuple(kernel):
        raise UnsupportedError(f"{node}: kernel_shape {given} differs from its weights' {kernel}.")
    if max(kernel) > LARGEST_KERNEL:
        raise UnsupportedError(
            f"{node}: kernel {kernel[0]}x{kernel[1]} is not supported; supported are 1 to "
            f"{LARGEST_KERNEL} in each direction. Use several smaller convolutions."
        )
    if groups < 1 or weights.shape[0] % groups or source[1] != weights.shape[1] * groups:
        raise UnsupportedError(
            f"{node}: weights {weights.shape} with {groups} groups do not fit input {source}."
        )
    bias = node.operand(2) if node.op == "Conv" else ""
    if bias and graph.constants[bias].shape != weights.shape[:1]:
        raise UnsupportedError(
            f"{node}: bias {bias!r} has shape {graph.constants[bias].shape}, not "
            f"[{weights.shape[0]}]."
        )
    strides = pair(node, "strides", (1, 1))
    if max(strides) > 2:
        raise UnsupportedError(
            f"{node}: stride must be 1 or 2, not {strides}. Split it into two layers."
        )
    dilations = pair(node, "dilations", (1, 1))
    attributes = {
        "strides": strides,
        "dilations": dilations,
        "groups": groups,
        "pads": window_pads(node, source[2:], kernel, dilations),
    }
    return replace(node, attributes=attributes)


def resolve_max_pool(graph: Graph, node: Node) -> Node:
    """MaxPool, versions 1..22."""
    source = need_map(node, graph.shapes.get(node.inputs[0]))
    kernel = pair(node, "kernel_shape")
    dilations = pair(node, "dilations", (1, 1))
    if dilations != (1, 1):
        raise UnsupportedError(f"{node}: dilations must be 1, not {dilations}.")
    pads = window_pads(node, source[2:], kernel, dilations)
    check_pads(node, kernel)
    attributes = {"kernel": kernel, "strides": pair(node, "strides", (1, 1)), "pads": pads}
    return replace(node, attributes=attributes, outputs=node.outputs[:1])


def check_pads(node: Node, kernel: tuple[int, int]) -> None:
    """UnsupportedError where a pooling window could lie in the padding alone.

    With ceil_mode the last window may reach further than that, but starts in the map.
    """
    given = node.attributes.get("pads", ())
    explicit = node.attributes.get("auto_pad", "NOTSET") in ("NOTSET", "")
    if explicit and any(pad >= kernel[place % 2] for place, pad in enumerate(given)):
        raise UnsupportedError(
            f"{node}: pads {given} reach the size of the window {kernel}, so that there are "
            "windows of padding only; supported are smaller pads. Use a Pad node before it."
        )


def average_as_convolution(graph: Graph, node: Node, name: str) -> tuple[Node, np.ndarray]:
    """AveragePool as a depthwise Conv with equal weights."""
    source = need_map(node, graph.shapes.get(node.inputs[0]))
    kernel = source[2:] if node.op == "GlobalAveragePool" else pair(node, "kernel_shape")
    pads = window_pads(node, source[2:], kernel, (1, 1))
    if node.op == "AveragePool":
        check_pads(node, kernel)
    strides = pair(node, "strides", (1, 1))
    if max(kernel) > LARGEST_KERNEL or max(strides) > 2:
        raise UnsupportedError(
            f"{node}: window {kernel} with strides {strides} is not supported; supported are "
            f"windows up to {LARGEST_KERNEL} with stride 1 or 2."
        )
    uneven = any(pads) and not node.attributes.get("count_include_pad", 0)
    if uneven or node.attributes.get("ceil_mode", 0) or pair(node, "dilations", (1, 1)) != (1, 1):
        raise UnsupportedError(
            f"{node}: averages over windows of different sizes (pads {pads}) or with dilation are "
            "not supported; use pads 0 or count_include_pad 1, ceil_mode 0."
        )
    weights = np.full((source[1], 1, *kernel), 1.0 / (kernel[0] * kernel[1]))
    attributes = {"strides": strides, "dilations": (1, 1), "groups": source[1], "pads": pads}
    inputs = (node.inputs[0], name)
    return replace(node, op="Conv", inputs=inputs, attributes=attributes), weights


def resolve_pad(graph: Graph, node: Node) -> Node:
    """Pad, versions 1..25: attributes pads (top, left, bottom, right) and value."""
    need_map(node, graph.shapes.get(node.inputs[0]))
    pads = pad_amounts(node, 4, graph.constants)
    mode = node.attributes.get("mode", "constant")
    if mode != "constant":
        raise UnsupportedError(f"{node}: mode {mode!r} is not supported; supported is constant.")
    if pads is None or min(pads) < 0 or any(pads[i] for i in (0, 1, 4, 5)):
        raise UnsupportedError(
            f"{node}: pads {pads} are not supported; supported are constant pads of 0 or more in "
            "height and width."
        )
    value = node.attributes.get("value", 0.0)
    if node.operand(2):
        if node.operand(2) not in graph.constants:
            raise UnsupportedError(
                f"{node}: the padding value {node.operand(2)!r} must be constant."
            )
        values = graph.constants[node.operand(2)].reshape(-1)
        if values.size != 1:
            raise UnsupportedError(
                f"{node}: the padding value {node.operand(2)!r} has {values.size} elements; "
                "supported is one."
            )
        value = float(values[0])
    if not any(pads):
        return replace(node, op="Identity", inputs=node.inputs[:1], attributes={})
    if node.output in graph.outputs:
        raise UnsupportedError(f"{node}: a padded tensor cannot be an output of the network.")
    attributes = {"pads": (pads[2], pads[3], pads[6], pads[7]), "value": float(value)}
    return replace(node, inputs=node.inputs[:1], attributes=attributes)
