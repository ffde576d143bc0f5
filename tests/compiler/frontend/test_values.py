"""Which encodings are recognised from a tensor's values."""

import numpy as np
import pytest

from compiler.frontend.encoding import Encoding
from compiler.frontend.ir import Graph, Node
from compiler.frontend.values import Levels, encode, join, levels_of, node_values


def encoded(values, most=16):
    return encode(Levels(np.asarray(values, float)[None]), most)


@pytest.mark.parametrize(
    ("step", "offset", "count"),
    [(1, 0, 16), (1, -8, 16), (1, -7, 15), (1, -3, 8), (2, -1, 2), (2, -15, 16), (1, 2, 4)],
)
@pytest.mark.parametrize("scale", [1.0, 1 / 3, float(np.float32(0.0671)), 2.0**-30, 1e6])
def test_grids_are_recognised(step, offset, count, scale):
    wanted = Encoding(scale=scale, step=step, offset=offset, count=count)
    found = encoded(wanted.values)
    assert found == wanted
    assert (found.codes(wanted.values) == np.arange(count)).all()


def test_unused_places():
    found = encoded([0.0, 0.5, 2.0, 2.5])
    assert (found.scale, found.count) == (0.5, 6)


def test_float32_limit_of_a_clip():
    scale = float(np.float32(0.1427))
    values = np.append(np.arange(7) * scale, float(np.float32(7 * scale)))
    assert encoded(values) == Encoding(scale=scale, step=1, offset=0, count=8)


@pytest.mark.parametrize(
    "values", [np.arange(17), [0.1, 0.35], [0, 1, np.inf], [0.0, 1.0, np.pi], [-0.3, 1.0]]
)
def test_no_encoding(values):
    assert encoded(values) is None


def test_a_function_that_hardly_rises_is_no_constant():
    """Sigmoid of numbers about 0: each level is a hair's breadth from the next."""
    for scale in (1.4e-6, 4e-9):
        values = 1 / (1 + np.exp(-np.arange(-117, 139) * scale))
        assert np.diff(values).max() < 2.0**-20 * values.max()
        assert encoded(values, 256) is None
    assert encoded(0.5 + np.arange(4) * 2.0**-24).count == 1  # what rounding may do to a constant


@pytest.mark.parametrize("large", [2.0**17, 2.0**24, 1e38])
def test_levels_beside_much_larger_ones_do_not_vanish(large):
    assert encode(Levels(np.array([np.arange(8) * 0.25, np.arange(8) * large]))) is None
    rounded = np.array([[0.0, 0.1, 0.2], [0.0, float(np.float32(0.1)), float(np.float32(0.2))]])
    assert encode(Levels(rounded)).count == 3


@pytest.mark.parametrize(("value", "offset"), [(0.0, 0), (2.5, 1), (-1.0, -1)])
def test_constant_tensor(value, offset):
    found = encoded([value, value])
    assert (found.count, found.bits, found.offset) == (1, 1, offset)
    assert found.values.tolist() == [value]


def test_levels_are_exact_through_division_and_steps():
    """7 steps of a step that float64 does not hold, divided by it, are 7: not 6.999... and 6."""
    step = 0.14562393608789914
    assert np.floor(7 * step / step) == 6  # what float64 makes of it
    fine, coarse = (Encoding(scale=s, step=1, offset=0, count=8) for s in (step, 0.5))
    divide = Node(op="Div", name="", inputs=("x", "k"), outputs=("d",))
    floor = Node(op="Floor", name="", inputs=("d",), outputs=("f",))
    graph = Graph(
        name="g", input="x", outputs=("f",), nodes=(divide, floor),
        constants={"k": np.array(step)}, shapes={"x": (1, 1, 1, 1), "k": ()},
    )  # fmt: skip
    for known in (
        {"x": levels_of(fine)},
        {"x": join([levels_of(coarse), levels_of(fine)])},
    ):
        for node in graph.nodes:
            known[node.output] = node_values(node, graph, known)
        assert set(range(8)) <= set(known["f"].rows.ravel().tolist())
