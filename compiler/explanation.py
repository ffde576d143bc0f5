"""What a file is, what the passes make of it, all that keeps it from compiling, and what to do."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from onnx import ModelProto

from arch.command_line import program
from arch.errors import OnefourError
from compiler.errors import UnsupportedError
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.dialect import described, dynamic, is_float
from compiler.frontend.ir import Graph, Node
from compiler.frontend.listing import graph_lines, network_lines
from compiler.frontend.obstacles import Collector, Kind, all_obstacles, by_kind, passed
from compiler.frontend.passes.check_operators import SUPPORTED
from compiler.frontend.pipeline import INTERNAL_ERRORS, PASS_NAMES, not_understood, read_network
from compiler.frontend.reader.element_types import inferred_shapes
from compiler.frontend.reader.onnx_reader import graph_of, load_file, load_model
from compiler.frontend.spec import CONVOLUTIONS_IN_FILES
from compiler.frontend.split.heads import is_convolution
from compiler.frontend.split.tail import is_handed_back, made_for, split_of
from compiler.frontend.stages import complaints

MOST_TENSORS, MOST_OPERATORS = 3, 6
"""Names in one line."""


def explain(path: Path, sized: Path, input_scale: float, after: str | None = None) -> None:
    """Print it; UnsupportedError with a summary where the network is refused.

    ``sized``: what is read, the file ``path`` or a copy for one size of pictures; ``after``: one of
    ``PASS_NAMES``, or None for the integer network, or for the obstacles.
    """
    print(f"{path}: {described(load_file(sized))}", flush=True)
    model = load_model(sized)
    graph = graph_of(model, path)
    for line in tail_lines(graph, quantised=not is_float(model)):
        print(line)
    if after is not None:
        show_pass(path, graph, input_scale, after)
        return
    obstacles = obstacles_of(model, graph, input_scale)
    for line in obstacle_lines(obstacles):
        print(line)
    if obstacles:
        if any(obstacle.short for obstacle in obstacles):
            print(f"Supported operators: {', '.join(sorted(SUPPORTED))}.")
        raise refusal(path, model, by_kind(obstacles))
    if is_float(model):
        raise UnsupportedError(f"{path}: refused: it is not quantised. {next_step(path, model)}")
    for line in network_lines(read_network(sized, input_scale=input_scale)):
        print(line)


def show_pass(path: Path, graph: Graph, input_scale: float, after: str) -> None:
    """Print the graph after a pass; UnsupportedError where passes up to it refuse something."""
    collector = Collector()
    context = Context(input_scale=input_scale, report=collector.report)
    try:
        changed = passed(graph, context, collector, PASS_NAMES.index(after))
    except INTERNAL_ERRORS as error:
        raise not_understood(path, error) from error
    for line in graph_lines(changed):
        print(line)
    for line in obstacle_lines(collector.found):
        print(line)
    if collector.found:
        kinds = by_kind(collector.found)
        raise UnsupportedError(f"{path}: refused up to {after}, {counted(kinds)}.")
    for defect in complaints(changed, after):
        print(f"defect of a pass: {defect}")


def tail_lines(graph: Graph, *, quantised: bool = True) -> Iterator[str]:
    """What the host computes, if it computes a part of the network.

    ``quantised``: whether the network is. A float one hands nothing back to the array yet.
    """
    split = split_of(graph)
    tail = split.tail
    foreign = ""
    if tail is not None and tail.foreign:
        foreign = (
            f"{tail.foreign[0]} and what else the array does not have before the last "
            f"convolutions ({operators(tail.foreign)})"
        )
    if foreign and not quantised:
        yield (
            f"{foreign} will be computed by the host, and the array can go on behind it once the "
            "network is quantised"
        )
        return
    back = [tensor for tensor in graph.places if is_handed_back(graph, tensor, split.hosted)]
    if back:
        own = made_for(graph, set(back), set()) & split.hosted
        pieces = [node for node in graph.nodes if not own.isdisjoint(node.outputs)]
        yield (
            f"the host computes in mid-network what the array does not have: {operators(pieces)}, "
            f"by onnxruntime; the array goes on with "
            f"{listed([repr(tensor) for tensor in back], MOST_TENSORS)}"
        )
    if tail is not None:
        tensors = [repr(tensor) for tensor in tail.inputs]
        if foreign:
            host, whole = (
                sum(is_convolution(graph, node) for node in nodes)
                for nodes in (tail.nodes, graph.nodes)
            )
            yield (
                f"{foreign} leave {host} of {whole} convolutions to the host: a network without "
                "them would run faster"
            )
        yield (
            f"the host computes what follows {listed(tensors, MOST_TENSORS)}: "
            f"{operators(tail.nodes)}, by onnxruntime"
        )


def operators(nodes: Iterable[Node]) -> str:
    """How many there are of each kind, the most common first: "Reshape x 2, Softmax"."""
    counts = Counter(node.op for node in nodes).most_common()
    return listed([f"{op} x {count}" if count > 1 else op for op, count in counts], MOST_OPERATORS)


def listed(names: list[str], most: int) -> str:
    """Names with commas, and how many there are besides."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def obstacles_of(model: ModelProto, graph: Graph, input_scale: float) -> list[Obstacle]:
    """All that keeps a file from compiling; of a float network, besides that it is one."""
    graph = replace(graph, hints=inferred_shapes(model))
    return all_obstacles(graph, input_scale, quantised=not is_float(model))


def obstacle_lines(obstacles: list[Obstacle]) -> Iterator[str]:
    """One line a kind, those that block most nodes first."""
    yield from map(str, by_kind(obstacles))


def counted(kinds: list[Kind]) -> str:
    """How many obstacles of how many kinds there are in the list above."""
    count = sum(kind.count for kind in kinds)
    return (
        f"{count} obstacle{'s' * (count > 1)} of {len(kinds)} kind{'s' * (len(kinds) > 1)}, "
        "listed above"
    )


def refusal(path: Path, model: ModelProto, kinds: list[Kind]) -> UnsupportedError:
    """What to say after the list of obstacles."""
    step = next_step(path, model)
    if is_float(model):
        return UnsupportedError(
            f"{path}: refused, {counted(kinds)}; it is not quantised either. Replace what is "
            f"listed, then: {step.removeprefix('Quantise it: ')}"
        )
    return UnsupportedError(f"{path}: refused, {counted(kinds)}. {step}")


def next_step(path: Path, model: ModelProto) -> str:
    """The command that helps with a file of this kind, or what no command helps with."""
    command = f"{program('quantize', 'compiler quantize')}"
    if is_float(model):
        return f"Quantise it: {command} {path} --data FOLDER_OF_PICTURES -o {path.stem}_w8a8.onnx"
    anew = f"{command} FLOAT.onnx --data FOLDER_OF_PICTURES -o OUT.onnx"
    if dynamic(model):
        return (
            "Its scales are computed for every picture anew, which is not supported. Quantise the "
            f"float network it was made from: {anew}"
        )
    if not any(node.op_type in CONVOLUTIONS_IN_FILES for node in model.graph.node):
        return "There is no convolution in it; networks of 2-D convolutions are supported."
    return f"Or begin with the float network it was made from: {anew}"


def all_told(
    error: OnefourError, path: Path, model: ModelProto, input_scale: float
) -> OnefourError:
    """What to raise for the first obstacle, once all are printed if there are several."""
    try:
        obstacles = obstacles_of(model, graph_of(model, path), input_scale)
    except (OnefourError, MemoryError):
        return error  # the file cannot be read, which is the one thing to say
    kinds = by_kind(obstacles)
    if is_float(model) and not kinds:
        return UnsupportedError(f"{path}: a float network. {next_step(path, model)}")
    if len(kinds) < 2 and dynamic(model):  # the operator's name would hide what is the matter
        return UnsupportedError(f"{path}: dynamic quantisation. {next_step(path, model)}")
    if len(kinds) < 2 and not is_float(model):
        step, said = next_step(path, model), str(error)
        stop = "" if said.endswith(".") else "."
        return error if step in said else type(error)(f"{said}{stop} {step}")
    for line in obstacle_lines(obstacles):
        print(line)
    return refusal(path, model, kinds)
