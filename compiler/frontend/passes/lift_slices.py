"""Move Slice before operators whose result is not quantised, up to a convolution, and into it."""

from dataclasses import replace

import numpy as np

from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, NameSupply, Node
from compiler.frontend.operators.elementwise import is_variable_elementwise
from compiler.frontend.values import encodings


def lift_slices(graph: Graph, _: Context) -> Graph:
    """The graph in which every Slice takes codes, as far as possible."""
    known = encodings(graph)
    names = NameSupply.of(graph)
    constants, shapes, steps = dict(graph.constants), dict(graph.shapes), dict(graph.steps)
    nodes: list[Node] = []
    for node in graph.nodes:
        pending, made = [node], []
        while pending:  # from the result backwards; a new Slice takes a tensor of the old graph
            wanted = pending.pop()
            producer = graph.producers.get(wanted.inputs[0]) if wanted.op == "Slice" else None
            parts: list[Node] = []
            if producer is not None and wanted.inputs[0] not in known:
                parts = sliced(graph, producer, wanted, names, constants, shapes, steps)
            if parts:
                pending.extend(parts)
            else:
                made.append(wanted)
        nodes.extend(reversed(made))
    shapes.update({name: value.shape for name, value in constants.items()})
    return replace(graph, nodes=tuple(nodes), constants=constants, shapes=shapes, steps=steps)


def sliced(
    graph: Graph,
    producer: Node,
    node: Node,
    names: NameSupply,
    constants: dict,
    shapes: dict,
    steps: dict,
) -> list[Node]:
    """Nodes that compute ``node``, a Slice of ``producer``'s result, with the slice before it."""
    start, stop = node.attributes["start"], node.attributes["stop"]

    def cut(tensor: str, first: int, last: int) -> Node:
        output = names.fresh(f"{tensor}/{first}:{last}")
        shapes[output] = (1, last - first, *shapes[tensor][2:])
        return replace(
            node, inputs=(tensor,), outputs=(output,), attributes={"start": first, "stop": last}
        )

    def cut_constant(tensor: str, axis: int) -> str:
        value = constants[tensor]
        if value.ndim <= axis or (value.shape[axis] == 1 and value.ndim > 1):
            return tensor
        name = names.fresh(f"{tensor}/{start}:{stop}")
        constants[name] = np.take(value, range(start, stop), axis)
        if tensor in steps and axis == 0:
            step = steps[tensor]
            steps[name] = step if step.size == 1 else step[start:stop]
        return name

    if producer.op == "Conv":
        groups = producer.attributes["groups"]
        outputs = graph.constants[producer.inputs[1]].shape[0]
        share = outputs // groups
        first, last = start // share, -(-stop // share)
        if groups > 1 and (first * share != start or last * share != stop):
            return []
        parameters = tuple(cut_constant(tensor, 0) for tensor in producer.inputs[1:] if tensor)
        if groups == 1:
            return [
                replace(producer, inputs=(producer.inputs[0], *parameters), outputs=node.outputs)
            ]
        depth = graph.constants[producer.inputs[1]].shape[1]
        before = cut(producer.inputs[0], first * depth, last * depth)
        attributes = {**producer.attributes, "groups": last - first}
        inputs = (before.output, *parameters)
        after = replace(producer, inputs=inputs, outputs=node.outputs, attributes=attributes)
        return [before, after]
    if producer.op in spec.WITHIN_CHANNELS or is_variable_elementwise(producer, graph):
        cuts, inputs = [], []
        for tensor in producer.inputs:
            if tensor in constants:
                axis = spec.channel_axis(producer.op)
                inputs.append(cut_constant(tensor, axis))
            elif tensor:
                cuts.append(cut(tensor, start, stop))
                inputs.append(cuts[-1].output)
            else:
                inputs.append("")
        return [*cuts, replace(producer, inputs=tuple(inputs), outputs=node.outputs)]
    if producer.op == "Concat":
        cuts, offset = [], 0
        for tensor in producer.inputs:
            channels = graph.channels(tensor)
            first, last = max(start - offset, 0), min(stop - offset, channels)
            if first < last:
                cuts.append(cut(tensor, first, last))
            offset += channels
        inputs = tuple(part.output for part in cuts)
        return [*cuts, Node(op="Concat", name=producer.name, inputs=inputs, outputs=node.outputs)]
    if producer.op == "Slice":
        offset = producer.attributes["start"]
        attributes = {"start": start + offset, "stop": stop + offset}
        return [replace(node, inputs=producer.inputs, attributes=attributes)]
    return []
