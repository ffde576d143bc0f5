"""``explain``: what a file is, what the passes make of it, and all that keeps it from compiling."""

from collections.abc import Iterator
from pathlib import Path

from arch.command_line import program
from arch.errors import OnefourError
from compiler.errors import UnsupportedError
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.dialect import described
from compiler.frontend.explain import common_cut
from compiler.frontend.ir import Graph
from compiler.frontend.listing import graph_lines, network_lines
from compiler.frontend.obstacles import Collector, Kind, all_obstacles, by_kind, passed
from compiler.frontend.passes.check_operators import SUPPORTED
from compiler.frontend.pipeline import INTERNAL_ERRORS, PASS_NAMES, not_understood, read_network
from compiler.frontend.reader.onnx_reader import load_model, read_onnx
from compiler.frontend.stages import complaints


def explain(path: Path, input_scale: float, after: str | None = None) -> None:
    """Print it; UnsupportedError with a summary where the network is refused.

    ``after``: one of ``PASS_NAMES``, or None for the integer network, or for the obstacles.
    """
    print(f"{path}: {described(load_model(path))}")
    graph = read_onnx(path)
    if after is not None:
        collector = Collector()
        context = Context(input_scale=input_scale, report=collector.report)
        try:
            changed = passed(graph, context, collector, PASS_NAMES.index(after))
        except INTERNAL_ERRORS as error:
            raise not_understood(path, error) from error
        for line in graph_lines(changed):
            print(line)
        obstacles = collector.found
        for defect in [] if obstacles else complaints(changed, after):
            print(f"defect of a pass: {defect}")
    else:
        obstacles = all_obstacles(graph, input_scale)
    if obstacles:
        for line in obstacle_lines(graph, obstacles):
            print(line)
        raise refusal(path, by_kind(obstacles), after)
    if after is not None:
        return
    for line in network_lines(read_network(path, input_scale=input_scale)):
        print(line)


def obstacle_lines(graph: Graph, obstacles: list[Obstacle]) -> Iterator[str]:
    """One line a kind, those that block most nodes first; what to do about operators at the end."""
    yield from map(str, by_kind(obstacles))
    unsupported = [obstacle.node for obstacle in obstacles if obstacle.short]
    if not unsupported:
        return
    yield f"Supported operators: {', '.join(sorted(SUPPORTED))}."
    cut = ", ".join(map(repr, common_cut(graph, unsupported)))
    if cut:
        yield (
            "If those that are not supported decode boxes, they run on the host: cut the network "
            f"at {cut} (onnx.utils.extract_model) and decode those tensors there. Otherwise "
            "replace them and train again."
        )


def refusal(path: Path, kinds: list[Kind], after: str | None = None) -> UnsupportedError:
    """What to say after the list of obstacles."""
    count = sum(kind.count for kind in kinds)
    until = f" up to {after}" if after else ""
    return UnsupportedError(
        f"{path}: refused{until}, {count} obstacle{'s' * (count > 1)} of {len(kinds)} "
        f"kind{'s' * (len(kinds) > 1)}, listed above."
    )


def with_others(error: OnefourError, path: Path, input_scale: float) -> OnefourError:
    """The error, its message saying how many kinds of obstacles there are besides."""
    try:
        others = len(by_kind(all_obstacles(read_onnx(path), input_scale))) - 1
    except (OnefourError, MemoryError):
        return error  # the file cannot be read, which is the one thing to say
    if others < 1:
        return error
    command = program("explain", "compiler explain")
    return type(error)(f"{str(error).removesuffix('.')}; {others} more: {command} {path}")
