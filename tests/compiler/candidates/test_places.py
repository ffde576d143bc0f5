"""What elements of a tail are made of, against what a change of an input changes."""

import numpy as np
import onnxruntime
import pytest

from compiler.candidates.places import Traced, numbered, traced
from tests.samples.small_onnx import Net

SHAPE = (8, 3, 4)


def tail(build):
    """A model of one input, and its only output."""
    net = Net((1, *SHAPE))
    net.outputs.append(build(net, "x"))
    return net.model(), net.outputs[0]


def followed(build) -> Traced | None:
    model, name = tail(build)
    return traced(model, numbered(model, {"x": SHAPE})).get(name)


def shaped(net, x, *shape):
    return net.node("Reshape", x, net.constant(shape, np.int64))


def split(net, x):
    parts = net.node("Split", x, net.constant([3, 5], np.int64), axis=1, outputs=2)
    return net.node("Concat", parts[1], net.node("Sigmoid", parts[0]), axis=1)


def dfl(net, x):
    y = net.node("Transpose", shaped(net, x, 1, 2, 4, 12), perm=[0, 2, 1, 3])
    y = net.node("Conv", net.node("Softmax", y, axis=1), np.arange(4.0).reshape(1, 4, 1, 1))
    return shaped(net, y, 1, 2, 12)


FORMS = {
    "anchors": lambda net, x: net.node("Transpose", shaped(net, x, 1, 2, 4, 12), perm=[0, 1, 3, 2]),
    "split": split,
    "grid": lambda net, x: net.node("Mul", net.node("Add", x, np.ones((1, 1, 3, 4))), 2.0),
    "dfl": dfl,
    "sum": lambda net, x: net.node("ReduceMean", x, axes=[2], keepdims=0),
    "softmax of rows": lambda net, x: net.node("Softmax", x, axis=2),
    "slice": lambda net, x: net.node(
        "Slice", x, net.constant([1], np.int64), net.constant([9], np.int64),
        net.constant([1], np.int64), net.constant([2], np.int64),
    ),
    "shape": lambda net, x: net.node("Reshape", x, net.node("Shape", x)),
    "pieces added": lambda net, x: net.node("Add", x, net.node("Neg", x)),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_no_element_depends_on_more_than_is_told(form, rng):
    """Each place is changed in turn, and what changes with it must be known to depend on it."""
    model, name = tail(FORMS[form])
    found = followed(FORMS[form])
    session = onnxruntime.InferenceSession(model.SerializeToString())
    values = rng.standard_normal((1, *SHAPE)).astype(np.float32)
    (before,) = session.run([name], {"x": values})
    assert found.shape == before.shape
    seen = np.zeros(before.shape, bool)
    for place in range(12):
        changed = values.copy()
        changed.reshape(1, 8, 12)[..., place] += 1
        (after,) = session.run([name], {"x": changed})
        differs = before != after
        seen |= differs
        assert (found.low[differs] <= place).all()
        assert (found.high[differs] >= place).all()
    own = found.source >= 0
    flat = np.concatenate([values.reshape(-1), 1 / (1 + np.exp(-values.reshape(-1)))])
    at = np.where(found.source % 2, found.source // 2 + values.size, found.source // 2)
    np.testing.assert_allclose(before[own], flat[at[own]], atol=1e-6)
    assert (before[found.unit] >= 0).all()
    assert (before[found.unit] <= 1).all()


@pytest.mark.parametrize(
    "build",
    [
        lambda net, x: net.node("Resize", x, "", net.constant([1, 1, 2, 2])),
        lambda net, x: net.node("Conv", x, np.ones((1, 8, 3, 3)), pads=[1, 1, 1, 1]),
        lambda net, x: net.node("Neg", net.node("NonZero", x)),
        lambda net, x: net.node("Gather", x, net.node("Cast", x, to=7), axis=1),
    ],
)
def test_of_other_operators_nothing_is_known(build):
    assert followed(build) is None


def test_the_sigmoid_of_a_sigmoid_is_none_of_a_sum():
    found = followed(lambda net, x: net.node("Sigmoid", net.node("Sigmoid", x)))
    assert (found.source == -1).all()
    assert found.unit.all()


def test_sums_of_two_inputs_of_a_size_share_their_places():
    net = Net((1, *SHAPE))
    net.outputs.append(net.node("Concat", "x", net.node("Neg", "x"), axis=1))
    model = net.model()
    for name, shape in (("y", (2, 3, 4)), ("z", (2, 4, 3))):
        model.graph.input.add().name = name
        assert shape
    inputs = numbered(model, {"x": SHAPE, "y": (2, 3, 4), "z": (2, 4, 3)})
    assert [(each.first, each.place) for each in inputs] == [(0, 0), (96, 0), (120, 12)]
    assert inputs[1].at(96 + 13) == (1, 1)
    assert inputs[2].at(120 + 5) == (0, 17)
