"""What passes are given besides the graph, and what becomes of what they refuse."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import NoReturn

from arch.errors import OnefourError
from compiler.errors import ReadError
from compiler.frontend.ir import Graph, Node


@dataclass(frozen=True, eq=False)
class Obstacle:
    """Why a network is refused: the message, and the node that it is about, if it is about one.

    ``own``: it lies in the node and its constants, whatever its inputs are; otherwise it may be
    the consequence of another one before it. ``short``: the message in a list of obstacles.
    """

    error: OnefourError
    node: Node | None = None
    own: bool = False
    short: str = ""


class AlreadyReportedError(OnefourError):
    """Something fails because of an obstacle that has been reported; not one itself."""


def refuse(obstacle: Obstacle) -> NoReturn:
    """Raise the first obstacle: a network with one is refused."""
    raise obstacle.error


@dataclass(frozen=True)
class Context:
    """``input_scale``: what one step of a picture byte means to a network with a float input.

    ``report`` takes every obstacle. Where it returns, the pass goes on, with an Unknown node for
    the one that it could not take over. ReadError for a scale that is not a number above 0.
    """

    input_scale: float = 1 / 255
    report: Callable[[Obstacle], None] = refuse

    def __post_init__(self) -> None:
        if not (math.isfinite(self.input_scale) and self.input_scale > 0):
            raise ReadError(
                f"input scale {self.input_scale}; supported are finite numbers above 0."
            )

    @contextmanager
    def at(self, node: Node | None, *, own: bool = False) -> Iterator[None]:
        """Report an error about ``node`` instead of raising it."""
        try:
            yield
        except OnefourError as error:
            self.report(Obstacle(error, node, own))

    def without(self, graph: Graph, obstacles: Iterable[Obstacle]) -> Graph:
        """Report obstacles; the graph with Unknown nodes for theirs, the same if there are none."""
        refused = set()
        for obstacle in obstacles:
            self.report(obstacle)
            refused.add(obstacle.node)
        if not refused:
            return graph
        nodes = (node.unknown() if node in refused else node for node in graph.nodes)
        return replace(graph, nodes=tuple(nodes))
