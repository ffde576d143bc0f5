"""The tail of a build against the file that it comes from."""

import numpy as np
import onnx
import pytest

from compiler.check.tail import check_tail
from compiler.errors import DifferenceError
from compiler.frontend.pipeline import read_network
from compiler.frontend.split.model import split_file
from golden import execute
from tests.samples.small_onnx import quantised_net
from tests.samples.tails import anchors, begun, distribution


@pytest.fixture
def parts(tmp_path):
    net, x = begun()
    distribution(net, x)
    return split_file(net.save(tmp_path)), net.model()


def handed_over(model, tmp_path, rng):
    """What the integer network hands over for a picture, and the picture."""
    path = tmp_path / "again.onnx"
    onnx.save(model, path)
    network = read_network(path)
    codes = rng.integers(0, 256, network.shape(network.input), dtype=np.uint8)
    return execute.outputs(network, execute.run(network, codes)), (codes / 255)[None]


def test_outputs_beside_those_of_the_file(parts, tmp_path, rng):
    split, model = parts
    results, image = handed_over(model, tmp_path, rng)
    found = check_tail(model, split.model.SerializeToString(), split.tail.outputs, results, image)
    (name,) = split.tail.outputs
    most, largest = found.plain[name], found.largest[name]
    assert found.outputs[name].shape == (1, 7, 80)
    assert most <= 1e-3 * largest  # the network's sums are exact, onnxruntime's are of float32
    (line,) = found.lines()
    assert line.startswith(f"output {name!r} [1, 7, 80], computed on the host; from the file in")


def test_exchanged_heads_are_noticed(tmp_path, rng):
    """Heads of one shape that come in the wrong order give boxes that look like some."""
    net, x = begun()
    first, second = (net.conv(x, 4, 8, 1) for _ in range(2))
    net.outputs.append(net.node("Sigmoid", net.node("Concat", first, second, axis=1)))
    parts, model = split_file(net.save(tmp_path)), net.model()
    results, image = handed_over(model, tmp_path, rng)
    (concat,) = (node for node in parts.model.graph.node if node.op_type == "Concat")
    concat.input[:] = [second, first]
    with pytest.raises(DifferenceError, match="not the last part of the file"):
        check_tail(model, parts.model.SerializeToString(), parts.tail.outputs, results, image)


def test_one_constant_that_differs_is_noticed(parts, tmp_path, rng):
    split, model = parts
    results, image = handed_over(model, tmp_path, rng)
    for tensor in split.model.graph.initializer:
        values = onnx.numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size == 2 * 80:  # the places of cells
            values = values.copy()
            values[0, 0, 7] += 1e-3
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    with pytest.raises(DifferenceError, match="not the last part of the file"):
        check_tail(model, split.model.SerializeToString(), split.tail.outputs, results, image)


def test_what_onnxruntime_does_not_compute_is_said(tmp_path, rng):
    net, x = quantised_net()
    net.outputs.append(net.node("Sigmoid", net.conv(x, 5, 8, 1)))
    parts = split_file(net.save(tmp_path))
    results, image = handed_over(net.model(), tmp_path, rng)
    model = parts.model.SerializeToString()
    found = check_tail(net.model(), model, parts.tail.outputs, results, image)
    assert "operators of other domains: Quant" in found.reason
    (values,), (sums,) = found.outputs.values(), results.values()
    np.testing.assert_allclose(values[0], 1 / (1 + np.exp(-sums)), rtol=1e-5)
    assert "not compared (it has operators of other domains" in found.lines()[0]


def test_outputs_of_array_and_host_are_in_the_order_of_the_file(tmp_path, rng):
    net, x = begun()
    head = net.conv(x, 5, 8, 1)
    net.outputs += [net.node("Sigmoid", head), head]
    parts = split_file(net.save(tmp_path))
    results, image = handed_over(net.model(), tmp_path, rng)
    model = parts.model.SerializeToString()
    found = check_tail(net.model(), model, parts.tail.outputs, results, image)
    assert list(found.outputs) == net.outputs
    np.testing.assert_array_equal(found.outputs[head][0], results[head])


def test_anchors_too(tmp_path, rng):
    net, x = begun()
    anchors(net, x)
    parts = split_file(net.save(tmp_path))
    results, image = handed_over(net.model(), tmp_path, rng)
    model = parts.model.SerializeToString()
    found = check_tail(net.model(), model, parts.tail.outputs, results, image)
    assert not found.reason
