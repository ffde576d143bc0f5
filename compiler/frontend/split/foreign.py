"""Which operators before the heads the array does not have: foreign ones.

Of operators that are known by name it does not have every form: the passes that bring operators to
one form say which, and refuse a network that the host cannot help with.
"""

from collections.abc import Iterator
from dataclasses import replace

from compiler.frontend import spec
from compiler.frontend.context import Context, Obstacle
from compiler.frontend.expressions import trace
from compiler.frontend.ir import Graph, Node
from compiler.frontend.operators.elementwise import ELEMENTWISE, is_variable_elementwise
from compiler.frontend.passes.fold_constants import fold_constants
from compiler.frontend.passes.remove_dead_nodes import remove_dead_nodes
from compiler.frontend.passes.resolve_channels import resolve_channels
from compiler.frontend.passes.resolve_resize import resolve_resize
from compiler.frontend.passes.resolve_windows import resolve_windows
from compiler.frontend.rewrites.depth_to_space import resolve_depth_to_space
from compiler.frontend.rewrites.focus import resolve_focus
from compiler.frontend.rewrites.shuffles import resolve_shuffles
from compiler.frontend.rewrites.transposed import resolve_transposed

BEFORE = (
    remove_dead_nodes, fold_constants, remove_dead_nodes, resolve_shuffles, resolve_focus,
    resolve_transposed, resolve_depth_to_space, remove_dead_nodes,
)  # fmt: skip
"""Passes after which an operator that is not supported stays one."""
FORMS = (resolve_windows, resolve_channels, resolve_resize)
"""Passes that refuse forms of supported operators."""
KNOWN = spec.STRUCTURAL | ELEMENTWISE


def foreign_nodes(
    graph: Graph, last: list[Node], tensors: set[str], *, forms: bool = True
) -> list[Node]:
    """The nodes before the ``last`` ones that make ``tensors`` and that the array does not have.

    Rewrites have taken theirs then: a shuffle of channels is none. ``forms``: with those that it
    has in another form only.
    """
    changed = replace(graph, outputs=tuple(node.output for node in last), results=())
    unknown = any(
        node.op not in KNOWN and not tensors.isdisjoint(node.outputs) for node in graph.nodes
    )
    if not unknown and not forms:
        return []
    if unknown:
        changed = replace(changed, hints=graph.told())
    ignoring = Context(report=lambda _: None)
    for run in BEFORE:
        changed = run(changed, ignoring)
    left = {node.output for node in changed.nodes if node.op not in KNOWN | {spec.UNKNOWN}}
    if forms:
        left.update(node.output for node in products(changed))
        left.update(refused_forms(changed))
    return [node for node in graph.nodes if not (left & tensors).isdisjoint(node.outputs)]


def products(graph: Graph) -> Iterator[Node]:
    """Products of tensors that are not functions of one."""
    for node in graph.nodes:
        variables = graph.variables(node)
        if node.op in spec.PRODUCTS and len(variables) > 1 and is_variable_elementwise(node, graph):
            leaves = {leaf for tensor in variables for leaf in trace(graph, tensor).leaves}
            if len(leaves) > 1:
                yield node


def refused_forms(graph: Graph) -> set[str]:
    """What nodes make whose form the array does not have."""
    found: set[str] = set()

    def note(obstacle: Obstacle) -> None:
        if obstacle.node is not None and obstacle.node.op in spec.HAVING_FORMS:
            found.update(obstacle.node.outputs)

    for run in FORMS:
        graph = run(graph, Context(report=note))
    return found
