"""What a graph may hold after each pass, as data: operators, their attributes, and rules.

``STAGES`` says what every pass changes in that; what it does not mention stays as it was. Tests
check every graph after every pass, and ``explain --after`` the one it shows.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from compiler.frontend import spec
from compiler.frontend.expressions import trace
from compiler.frontend.ir import Graph
from compiler.frontend.operators.elementwise import ELEMENTWISE, is_variable_elementwise
from compiler.frontend.passes.share_equal_nodes import node_key
from compiler.frontend.pipeline import PASS_NAMES
from compiler.frontend.values import encodings
from golden.network import WIDEST_CODE

Rule = Callable[[Graph], Iterator[str]]
"""Yields what is wrong with a graph, each as one phrase."""


def in_order(graph: Graph) -> Iterator[str]:
    """Every tensor is made once, before it is read, and outputs are made."""
    known = {"", graph.input, *graph.constants}
    for node in graph.nodes:
        for tensor in node.inputs:
            if tensor not in known:
                yield f"{node} reads {tensor!r}, which nothing before it makes"
        for tensor in node.outputs:
            if tensor in known:
                yield f"{node} makes {tensor!r}, which is there already"
            known.add(tensor)
    for tensor in graph.outputs:
        if tensor not in known:
            yield f"output {tensor!r} is not made"


def no_dead_nodes(graph: Graph) -> Iterator[str]:
    """Every node has a result that is read or an output."""
    for node in graph.nodes:
        if not any(t in graph.consumers or t in graph.outputs for t in node.outputs):
            yield f"nothing needs {node}"


def no_constant_nodes(graph: Graph) -> Iterator[str]:
    """Every node depends on the picture."""
    for node in graph.nodes:
        if not graph.variables(node):
            yield f"{node} has constant inputs only"


def constant_weights(graph: Graph) -> Iterator[str]:
    """Weights, biases and zero points of convolutions are constants."""
    for node in graph.nodes:
        if node.op in spec.CONVOLUTIONS and graph.variables(node) != [node.inputs[0]]:
            yield f"{node} has inputs besides the first that are not constant"


def maps_of_known_shape(graph: Graph) -> Iterator[str]:
    """Every tensor that is not constant has a known shape [1, channels, height, width]."""
    for node in graph.nodes:
        shape = graph.shapes.get(node.output)
        if shape is None or len(shape) != 4 or shape[0] != 1:
            yield f"the result of {node} has shape {shape}"


def operands_per_channel(graph: Graph) -> Iterator[str]:
    """Constants of elementwise operators are [1, channels or 1, 1, 1]."""
    for node in graph.nodes:
        if not is_variable_elementwise(node, graph) or node.op in spec.ROW_OPERANDS:
            continue
        for tensor in node.inputs:
            if tensor in graph.constants:
                shape = graph.constants[tensor].shape
                channels = graph.shapes.get(node.output, (1, 1))[1]
                if shape not in ((1, 1, 1, 1), (1, channels, 1, 1)):
                    yield f"{node} has an operand {tensor!r} of shape {shape}"


def no_equal_nodes(graph: Graph) -> Iterator[str]:
    """No two nodes compute the same from the same inputs, outputs of the network excepted."""
    seen = set()
    for node in graph.nodes:
        key = node_key(node)
        if key in seen and not set(graph.outputs).intersection(node.outputs):
            yield f"{node} computes what another node does"
        seen.add(key)


def picture_in_codes(graph: Graph) -> Iterator[str]:
    """What the picture's codes stand for is known, for all that bytes become."""
    table = np.arange(256) if graph.picture_table is None else graph.picture_table
    if graph.picture is None or graph.picture.count != table.max() + 1:
        yield f"the picture's encoding is {graph.picture}"


def few_bits(graph: Graph) -> Iterator[str]:
    """Quantised tensors have codes of few bits."""
    for node in graph.nodes:
        if node.op == "Quantise" and node.attributes["encoding"].bits > WIDEST_CODE:
            yield f"{node} makes codes of {node.attributes['encoding'].bits} bits"


def slices_of_codes(graph: Graph) -> Iterator[str]:
    """Slice takes codes; or sums of a convolution whose groups it cuts through."""
    known = encodings(graph)
    for node in graph.nodes:
        source = graph.producers.get(node.inputs[0])
        grouped = source is not None and source.attributes.get("groups", 1) > 1
        if node.op == "Slice" and node.inputs[0] not in known and not grouped:
            yield f"{node} takes {node.inputs[0]!r}, which is not codes"


def quantised_before_moving(graph: Graph) -> Iterator[str]:
    """Functions that end in Quantise do not start at the result of a moving operator on sums."""
    known = encodings(graph)
    for node in graph.nodes:
        if node.op != "Quantise":
            continue
        leaves = trace(graph, node.inputs[0]).leaves
        source = graph.producers.get(leaves[0])
        moves = source is not None and source.op in spec.QUANTISED_BEFORE
        if len(leaves) == 1 and moves and leaves[0] not in known:
            yield f"{node} comes after {source}, which does not move codes"


@dataclass(frozen=True)
class Change:
    """What a pass changes: operators that are there no longer or may be there from now on,
    attributes that operators have from now on, rules that hold from now on, and others that hold
    now and may be broken by later passes."""

    gone: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()
    attributes: dict[str, tuple[str, ...]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()
    now: tuple[Rule, ...] = ()


NO_CHANGE = Change()
NOTHING_DEAD = Change(now=(no_dead_nodes,))
WINDOW = ("strides", "pads", "dilations", "groups")

STAGES: dict[str, Change] = {
    "remove_dead_nodes": Change(rules=(in_order,), now=(no_dead_nodes,)),
    "cut_tail": NOTHING_DEAD,
    "fold_constants": Change(rules=(no_constant_nodes,)),
    "remove_dead_nodes.2": NOTHING_DEAD,
    "resolve_shuffles": NO_CHANGE,
    "resolve_focus": NO_CHANGE,
    "resolve_transposed": NO_CHANGE,
    "resolve_depth_to_space": NO_CHANGE,
    "remove_dead_nodes.3": NOTHING_DEAD,
    # Only here: what an operator that is not supported hides is not known after fold_constants.
    "check_operators": Change(
        new=spec.STRUCTURAL | ELEMENTWISE | {spec.HOST},
        attributes=dict.fromkeys(spec.QDQ, ("low", "high")),
    ),
    "check_constants": NO_CHANGE,
    "check_types": NO_CHANGE,
    "resolve_windows": Change(
        gone=spec.AVERAGES,
        attributes={
            **dict.fromkeys(spec.CONVOLUTIONS, WINDOW),
            "MaxPool": ("kernel", "strides", "pads"),
            "Pad": ("pads", "value"),
        },
        rules=(constant_weights,),
    ),
    "compose_pools": NO_CHANGE,
    "resolve_integer_convolutions": Change(gone=frozenset({"ConvInteger"})),
    "resolve_channels": Change(gone=spec.SEVERAL_RESULTS, attributes={"Slice": ("start", "stop")}),
    "resolve_resize": Change(
        gone=spec.RESIZING, new=frozenset({"Enlarge"}), rules=(maps_of_known_shape,)
    ),
    "normalise_operands": Change(rules=(operands_per_channel,)),
    "share_equal_nodes": Change(now=(no_equal_nodes,)),
    "fold_picture_scaling": Change(rules=(picture_in_codes,)),
    "insert_quantisers": Change(
        new=frozenset({"Quantise"}), attributes={"Quantise": ("encoding",)}, rules=(few_bits,)
    ),
    "lift_slices": Change(rules=(slices_of_codes,)),
    "remove_dead_nodes.4": NOTHING_DEAD,
    "hoist_quantisers": Change(rules=(quantised_before_moving,)),
    "share_equal_nodes.2": Change(now=(no_equal_nodes,)),
    "remove_dead_nodes.5": NOTHING_DEAD,
    "fold_pads": Change(gone=spec.PADDING),
    "remove_dead_nodes.6": NOTHING_DEAD,
}


@dataclass(frozen=True)
class Stage:
    """What holds after a pass. ``operators``: all that may be there; None before any is refused."""

    operators: frozenset[str] | None
    attributes: dict[str, tuple[str, ...]]
    rules: tuple[Rule, ...]


def stage(name: str) -> Stage:
    """What holds after the pass ``name`` (of ``PASS_NAMES``), from the changes up to it."""
    operators: frozenset[str] | None = None
    attributes: dict[str, tuple[str, ...]] = {}
    rules: tuple[Rule, ...] = ()
    for done in PASS_NAMES[: PASS_NAMES.index(name) + 1]:
        change = STAGES[done]
        if operators is not None or change.new:
            operators = ((operators or frozenset()) - change.gone) | change.new
        attributes |= change.attributes
        rules += change.rules
    return Stage(operators, attributes, rules + STAGES[name].now)


def complaints(graph: Graph, name: str) -> list[str]:
    """What is in the graph after the pass ``name`` that must not be: a defect of a pass."""
    found = stage(name)
    result = []
    for node in graph.nodes:
        if found.operators is not None and node.op not in found.operators:
            result.append(f"{node}: no operator {node.op} may be left")
        missing = set(found.attributes.get(node.op, ())) - node.attributes.keys()
        result.extend(f"{node} has no attribute {attribute}" for attribute in sorted(missing))
    for rule in found.rules:
        result.extend(rule(graph))
    return result


def check_stage(graph: Graph, name: str) -> None:
    """AssertionError where the graph is not what it must be after the pass ``name``."""
    wrong = complaints(graph, name)
    if wrong:
        raise AssertionError(f"after {name}: {'; '.join(wrong[:5])}")
