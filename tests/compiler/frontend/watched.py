"""The front end's passes, each followed by a check of what it leaves."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path

from compiler.errors import ReadError
from compiler.frontend.context import Context
from compiler.frontend.ir import Graph
from compiler.frontend.obstacles import all_obstacles
from compiler.frontend.pipeline import PASS_NAMES, PASSES
from compiler.frontend.reader.onnx_reader import read_onnx
from compiler.frontend.stages import check_stage

Pass = Callable[[Graph, Context], Graph]
UNWATCHED = PASSES


def first_obstacle(path: Path, input_scale: float = 1 / 255) -> str | None:
    """The first message of the list of obstacles; None for a file that cannot be read at all, and
    for one that has none."""
    try:
        obstacles = all_obstacles(read_onnx(path), input_scale)
    except ReadError:
        return None
    return str(obstacles[0].error) if obstacles else None


def watched_passes() -> tuple[Pass, ...]:
    """The same passes; AssertionError where a graph after one of them is not what it must be."""
    return tuple(map(watched, UNWATCHED, PASS_NAMES))


def watched(run: Pass, name: str) -> Pass:
    @wraps(run)
    def run_and_check(graph: Graph, context: Context) -> Graph:
        graph = run(graph, context)
        check_stage(graph, name)
        return graph

    return run_and_check
