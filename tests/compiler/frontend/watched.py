"""The front end's passes, each followed by a check of what it leaves."""

from collections.abc import Callable
from functools import wraps

from compiler.frontend.context import Context
from compiler.frontend.ir import Graph
from compiler.frontend.pipeline import PASS_NAMES, PASSES
from compiler.frontend.stages import check_stage

Pass = Callable[[Graph, Context], Graph]
UNWATCHED = PASSES


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
