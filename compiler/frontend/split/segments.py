"""A network's operators in segments: what the machine runs at one go, and what the host between.

Segment 0 is what needs nothing of the host; segment n + 1 what needs maps that the host computes
from segments up to n. All that the host computes between two segments is one piece.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np
from onnx import ModelProto, TensorProto, helper

from compiler.frontend.ir import Graph
from compiler.frontend.reader.onnx_reader import graph_of, load_model
from compiler.frontend.split.model import part_model
from golden.network import HostMap, HostPiece, Network, Operator, Output
from host.tail import Tail


def segments(operators: Iterable[Operator]) -> dict[str, int]:
    """The segment of every operator's result; that of a HostMap is the one that begins with it."""
    found: dict[str, int] = {}
    for operator in operators:
        last = max((found.get(name, 0) for name in operator.inputs), default=0)
        found[operator.output] = last + isinstance(operator, HostMap)
    return found


def with_pieces(network: Network, path: str | Path) -> Network:
    """The network in the order of its segments, its host maps with the pieces that make them.

    ``path``: the file that it was read from.
    """
    if not any(isinstance(operator, HostMap) for operator in network.operators):
        return network
    place = segments(network.operators)
    model = load_model(path)
    graph = graph_of(model, Path(path))
    maps: dict[int, list[HostMap]] = {}
    for operator in network.operators:
        if isinstance(operator, HostMap):
            maps.setdefault(place[operator.output], []).append(operator)
    pieces = {
        number: piece_of(network, model, graph, own, f"host{number - 1}")
        for number, own in sorted(maps.items())
    }
    operators = [
        replace(operator, piece=pieces[place[operator.output]])
        if isinstance(operator, HostMap)
        else operator
        for operator in network.operators
    ]
    operators.sort(key=lambda each: (place[each.output], not isinstance(each, HostMap)))
    return replace(network, operators=tuple(operators))


def piece_of(
    network: Network, model: ModelProto, graph: Graph, maps: list[HostMap], name: str
) -> HostPiece:
    """What computes these maps."""
    reads = tuple({read.name: read for each in maps for read in each.reads}.values())
    part = computing(network, model, graph, reads, [each.made for each in maps])
    content = part.SerializeToString()
    return HostPiece(name=name, reads=reads, compute=Runner(content, name).run, model=content)


def computing(
    network: Network, model: ModelProto, graph: Graph, reads: tuple[Output, ...], made: list[str]
) -> ModelProto:
    """The part of a file that makes float tensors of what the host reads."""
    shapes = {read.name: (1, *network.shape(read.tensor)) for read in reads}
    outputs = [
        helper.make_tensor_value_info(each, TensorProto.FLOAT, None)
        for each in dict.fromkeys(made)
    ]
    return part_model(model, graph, tuple(shapes), outputs, dict(graph.told()) | shapes)


class Runner:
    """An ONNX file that onnxruntime opens when it first runs."""

    def __init__(self, content: bytes, name: str):
        self.content = content
        self.name = name

    @cached_property
    def tail(self) -> Tail:
        return Tail(self.content, self.name)

    def run(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Float values [C, H, W] of its outputs, of those of its inputs."""
        return {name: value[0] for name, value in self.tail.run(values).items()}

