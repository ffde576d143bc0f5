"""The two parts of an ONNX file as files: up to some tensors, and from those on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, ValueInfoProto, helper, numpy_helper

from compiler.errors import UnsupportedError
from compiler.frontend import spec
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph, Node
from compiler.frontend.passes.fold_constants import fold_constants
from compiler.frontend.passes.remove_dead_nodes import remove_dead_nodes
from compiler.frontend.reader.element_types import element_types, inferred, inferred_shapes
from compiler.frontend.reader.onnx_reader import graph_of, load_model
from compiler.frontend.split.heads import values_read
from compiler.frontend.split.tail import Tail, cut, runs_on_the_host, tail_of


@dataclass(frozen=True, eq=False)
class Parts:
    """``tail`` and the ``model`` that computes it; its inputs are those of the tail."""

    tail: Tail
    model: ModelProto


def split_file(path: str | Path) -> Parts | None:
    """The tail of an ONNX file; None where the program computes all of it.

    UnsupportedError where the host cannot compute it.
    """
    model = load_model(path)
    graph = graph_of(model, Path(path))
    tail = tail_of(graph)
    if tail is None:
        return None
    custom = next((node for node in tail.nodes if not runs_on_the_host([node])), None)
    if custom is not None:
        raise UnsupportedError(
            f"{custom}: it stands behind the last convolutions, where the host computes with "
            "onnxruntime, which does not have it. Leave it out there, or export the network as QDQ."
        )
    # What has no shape is refused elsewhere, if it is refused.
    context = Context(report=lambda _: None)
    shapes = fold_constants(remove_dead_nodes(cut(graph, tail), context), context).shapes
    if any(name not in shapes for name in tail.inputs):
        shapes = inferred_shapes(model) | shapes
    return Parts(tail, tail_model(model, graph, tail, shapes))


def tail_model(
    model: ModelProto, graph: Graph, tail: Tail, shapes: dict[str, tuple[int, ...]]
) -> ModelProto:
    """An ONNX file of the tail of ``graph``, which is that of ``model``; ``shapes``: of the tensors
    before it. The shape of such a tensor becomes a constant."""
    outputs = [value for value in model.graph.output if value.name not in set(tail.inputs)]
    return part_model(model, graph, tail.inputs, outputs, shapes)


def part_model(
    model: ModelProto,
    graph: Graph,
    inputs: tuple[str, ...],
    outputs: list[ValueInfoProto],
    shapes: Mapping[str, tuple[int, ...]],
) -> ModelProto:
    """An ONNX file of the nodes of ``graph`` that compute ``outputs`` from ``inputs``."""
    makers = {name: node for node in model.graph.node for name in node.output if name}
    kinds = element_types(model)
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    given = set(inputs)
    inside = followed_from(graph, given)
    needed = {value.name for value in outputs} - given
    nodes: list[NodeProto] = []
    for node in reversed(graph.nodes):
        if needed.isdisjoint(node.outputs) or not given.isdisjoint(node.outputs):
            continue
        known = None if node.inputs and node.inputs[0] in inside else shapes.get(node.operand(0))
        if node.op in spec.SHAPES and known is not None:
            constants[node.output] = numpy_helper.from_array(shape_of(node, known), node.output)
            continue
        nodes.insert(0, makers[next(name for name in node.outputs if name in makers)])
        needed.update(node.inputs)
    values = [
        helper.make_tensor_value_info(name, kinds.get(name) or TensorProto.FLOAT, shapes.get(name))
        for name in inputs
    ]
    kept = [tensor for name, tensor in constants.items() if name in needed]
    part = helper.make_graph(nodes, "tail", values, outputs, kept)
    result = helper.make_model(part, opset_imports=model.opset_import, ir_version=model.ir_version)
    result.metadata_props.extend(model.metadata_props)
    # A file may leave out what its outputs are; from typed inputs the onnx package can tell.
    told = inferred(result)
    del result.graph.output[:]
    result.graph.output.extend(told.get(value.name, value) for value in outputs)
    return result


def followed_from(graph: Graph, tensors: set[str]) -> set[str]:
    """Some tensors, and all whose values are computed from them."""
    found = set(tensors)
    for node in graph.nodes:
        if not found.isdisjoint(values_read(node)):
            found.update(node.outputs)
    return found


def shape_of(node: Node, shape: tuple[int, ...]) -> np.ndarray:
    """What a Shape or Size node makes of a tensor of known shape."""
    if node.op == "Size":
        return np.array(np.prod(shape, dtype=np.int64))
    return np.array(shape[node.attributes.get("start", 0) : node.attributes.get("end")], np.int64)


def until(model: ModelProto, tensors: tuple[str, ...]) -> ModelProto:
    """The part of a file that computes ``tensors``, which are its outputs."""
    makers = {name: place for place, node in enumerate(model.graph.node) for name in node.output}
    kinds = element_types(model)
    needed: set[int] = set()
    waiting = list(tensors)
    while waiting:
        place = makers.get(waiting.pop())
        if place is not None and place not in needed:
            needed.add(place)
            waiting.extend(filter(None, model.graph.node[place].input))
    part = ModelProto()
    part.CopyFrom(model)
    del part.graph.node[:], part.graph.output[:], part.graph.value_info[:]
    part.graph.node.extend(model.graph.node[place] for place in sorted(needed))
    outputs = {value.name: value for value in model.graph.output}
    part.graph.output.extend(
        outputs.get(name)
        or helper.make_tensor_value_info(name, kinds.get(name) or TensorProto.FLOAT, None)
        for name in tensors
    )
    return part
