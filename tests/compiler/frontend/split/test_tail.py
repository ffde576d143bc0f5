"""Where a network is cut, and that the two parts are the whole."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.check.reference import run_onnxruntime
from compiler.errors import UnsupportedError
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import graph_of
from compiler.frontend.split.model import split_file, until
from compiler.frontend.split.tail import tail_of
from host.tail import Tail
from tests.samples.small_onnx import Net, quantised_net
from tests.samples.tails import anchor_free, anchors, begun, distribution


def halves(net: Net, tmp_path, rng) -> None:
    """The tail, given what the file computes up to there, gives the file's outputs bit for bit."""
    path = net.save(tmp_path)
    parts = split_file(path)
    onnx.checker.check_model(parts.model)
    image = rng.random(net.shape).astype(np.float32)
    values = run_onnxruntime(path, image)
    found = Tail(parts.model.SerializeToString()).run(
        {name: values[name][0] for name in parts.tail.inputs}
    )
    assert set(found) == set(net.outputs) - set(parts.tail.inputs)
    for name, value in found.items():
        np.testing.assert_array_equal(value, values[name])


@pytest.mark.parametrize("tail", [anchors, anchor_free, distribution])
def test_two_parts_are_the_whole(tmp_path, rng, tail):
    net, x = begun()
    heads = tail(net, x)
    assert tail_of(graph_of(net.model())).inputs == heads
    halves(net, tmp_path, rng)
    network = read_network(net.save(tmp_path))
    assert tuple(output.name for output in network.outputs) == heads


def test_what_a_program_can_give_has_no_tail(tmp_path):
    """Sums with a factor, codes, and what moves codes: as before, all of it runs on the array."""
    net, x = quantised_net()
    first = net.conv(x, 5, 8, 1)
    codes = net.quant(net.node("Relu", net.conv(x, 8, 8)))
    pooled = net.node("MaxPool", codes, kernel_shape=[2, 2], strides=[2, 2])
    net.outputs += [net.node("Mul", first, 0.5), net.node("Add", first, 1.0), codes, pooled]
    net.outputs.append(net.node("Sign", net.conv(x, 5, 8, 1)))
    assert tail_of(graph_of(net.model())) is None


@pytest.mark.parametrize("op", ["Sigmoid", "Relu", "Softmax", "Exp"])
def test_functions_of_sums(tmp_path, rng, op):
    """Supported in mid-network or not: behind a head no quantiser makes codes of it."""
    net, x = begun()
    net.outputs.append(net.node(op, net.conv(x, 5, 8, 1)))
    halves(net, tmp_path, rng)


def test_a_head_that_is_an_output_too(tmp_path, rng):
    net, x = begun()
    head = net.conv(x, 5, 8, 1)
    net.outputs += [head, net.node("Sigmoid", head)]
    halves(net, tmp_path, rng)


def test_quantisers_behind_a_head_stay_behind_it(tmp_path, rng):
    net, x = begun()
    head = net.conv(x, 5, 8, 1)
    net.outputs.append(net.node("Exp", net.coded(head, 0.25, 128)))
    halves(net, tmp_path, rng)
    assert split_file(net.save(tmp_path)).tail.inputs == (head,)


def test_codes_are_handed_over_beside_heads(tmp_path, rng):
    """A tensor before the last convolutions that the tail reads: as codes where it has any."""
    net, x = begun()
    head = net.conv(x, 8, 8, 1)
    net.outputs.append(net.node("Mul", net.node("Sigmoid", head), x))
    halves(net, tmp_path, rng)
    tail = split_file(net.save(tmp_path)).tail
    assert tail.inputs == (x, head)
    network = read_network(net.save(tmp_path))
    assert [output.name for output in network.outputs] == [x, head]


def test_a_tensor_before_its_quantiser_is_made_anew(tmp_path, rng):
    """Neither sums nor codes: the tail starts from the sums."""
    net, x = begun()
    sums = net.conv(x, 8, 8)
    between = net.node("Relu", sums)
    head = net.conv(net.coded(between, 0.5, 0, bits=4), 8, 8, 1)
    net.outputs.append(net.node("Mul", net.node("Sigmoid", head), between))
    halves(net, tmp_path, rng)
    assert split_file(net.save(tmp_path)).tail.inputs == (sums, head)


def test_shapes_of_what_is_not_handed_over(tmp_path, rng):
    net, x = begun()
    head = net.conv(x, 4, 8, 1)
    size = net.node("Slice", net.node("Shape", x), *(net.constant([k], np.int64) for k in (2, 4)))
    ends = net.constant([1], np.int64), net.constant([-1], np.int64)
    shape = net.node("Concat", *ends, size, axis=0)
    net.outputs.append(net.node("Exp", net.node("Reshape", head, shape)))
    halves(net, tmp_path, rng)
    parts = split_file(net.save(tmp_path))
    assert not any(node.op_type == "Shape" for node in parts.model.graph.node)


def test_two_outputs_and_a_loop_of_names(tmp_path, rng):
    """Outputs are in the file's order, whatever the order of the nodes."""
    net, x = begun()
    first, second = net.conv(x, 4, 8, 1), net.conv(x, 6, 8, 1)
    net.outputs += [net.node("Exp", second), net.node("Sigmoid", first)]
    assert tail_of(graph_of(net.model())).outputs == tuple(net.outputs)
    halves(net, tmp_path, rng)


def test_integers_are_handed_over_as_integers(tmp_path, rng):
    """A head of ConvInteger: int32 sums go on as they are."""
    net = Net(opset=17)
    picture = helper.make_tensor_value_info("x", TensorProto.UINT8, [1, 3, 8, 8])
    weights = net.constant(rng.integers(-3, 4, (4, 3, 1, 1)), np.int8)
    head = net.node("ConvInteger", "x", weights)
    net.outputs.append(net.node("Abs", net.node("Neg", head)))
    model = net.model()
    model.graph.input[0].CopyFrom(picture)
    path = tmp_path / "integers.onnx"
    onnx.save(model, path)
    parts = split_file(path)
    if parts is None:  # Abs of integers is one of the array's
        pytest.fail("no tail")
    sums = rng.integers(-900, 900, (4, 8, 8))
    found = Tail(parts.model.SerializeToString()).run({head: sums.astype(np.float64)})
    (values,) = found.values()
    assert values.dtype == np.int32
    np.testing.assert_array_equal(values[0], np.abs(sums))


def test_part_of_a_file(tmp_path, rng):
    net, x = begun()
    head = net.conv(x, 4, 8, 1)
    net.outputs.append(net.node("Exp", head))
    part = until(net.model(), (head,))
    assert [value.name for value in part.graph.output] == [head]
    assert not any(node.op_type == "Exp" for node in part.graph.node)
    image = rng.random(net.shape).astype(np.float32)
    np.testing.assert_array_equal(
        run_onnxruntime(part, image)[head], run_onnxruntime(net.model(), image)[head]
    )


def test_an_operator_in_mid_network_begins_the_tail(tmp_path, rng):
    """Attention: the host computes all behind it; shuffles before it are the array's."""
    net, x = begun()
    pairs = net.node("Reshape", x, net.constant([1, 2, 4, 8, 8], np.int64))
    pairs = net.node("Transpose", pairs, perm=[0, 2, 1, 3, 4])
    x = net.node("Reshape", pairs, net.constant([1, 8, 8, 8], np.int64))
    first = net.conv(x, 8, 8)
    odd = net.node("Softmax", net.coded(net.node("Relu", first), 0.25, 0, bits=4), name="odd")
    second = net.conv(odd, 4, 8, 1)
    net.outputs.append(net.node("Sigmoid", second))
    halves(net, tmp_path, rng)
    tail = split_file(net.save(tmp_path)).tail
    assert [node.name for node in tail.foreign] == ["odd"]
    assert second not in tail.inputs
    network = read_network(net.save(tmp_path))
    assert [output.name for output in network.outputs] == list(tail.inputs)


def test_what_the_array_and_the_host_do_not_have_is_refused(tmp_path):
    net, x = quantised_net()
    net.outputs.append(net.node("Exp", net.quant(net.conv(x, 5, 8, 1), 0.5, 8, name="late")))
    with pytest.raises(UnsupportedError, match=r"Quant 'late': it stands behind the last"):
        split_file(net.save(tmp_path))


def test_qonnx_behind_an_operator_in_mid_network(tmp_path):
    """onnxruntime does not have its quantisers: such a network is refused as it is."""
    net, x = quantised_net()
    x = net.node("Softmax", net.conv(x, 8, 8), name="odd")
    net.head(net.quant(x), 8)
    with pytest.raises(UnsupportedError, match="Softmax 'odd'"):
        read_network(net.save(tmp_path))
