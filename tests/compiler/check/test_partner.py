"""onnxruntime as a partner: everything that it can compare, and a reason where it cannot."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from compiler.check.partner import NotComparableError, run_onnxruntime
from compiler.check.reference import run_float64
from tests.samples.small_onnx import Net


def packed_net(kind: int, with_zero: bool) -> onnx.ModelProto:
    """QuantizeLinear to a 4-bit type and back, in opset 21."""
    net = Net(opset=21)
    x = net.node("Mul", "x", 3.0)
    given = [x, net.constant(0.25)]
    attributes = {}
    if with_zero:
        net.initialisers.append(helper.make_tensor("zero", kind, [], [1]))
        given.append("zero")
    else:
        attributes["output_dtype"] = kind
    q = net.node("QuantizeLinear", *given, **attributes)
    net.outputs.append(net.node("DequantizeLinear", q, *given[1:]))
    return net.model()


@pytest.mark.parametrize("with_zero", [True, False])
@pytest.mark.parametrize("kind", [TensorProto.UINT4, TensorProto.INT4])
def test_packed_tensors_come_as_floats(rng, kind, with_zero):
    model = packed_net(kind, with_zero)
    image = rng.integers(0, 256, (1, 3, 8, 8)) / 255
    found, expected = run_onnxruntime(model, image), run_float64(model, image)
    assert set(found) == {n for node in model.graph.node for n in node.output}
    for name, values in found.items():
        np.testing.assert_allclose(values, expected[name], atol=1e-6)
    assert found["t1"].max() > 7 or kind == TensorProto.INT4


def test_a_packed_output_of_the_file_is_left_out(rng):
    model = packed_net(TensorProto.UINT4, True)
    model.graph.output.append(helper.make_tensor_value_info("t1", TensorProto.UINT4, [1, 3, 8, 8]))
    found = run_onnxruntime(model, np.zeros((1, 3, 8, 8)))
    assert set(found) == {"t0", "t2"}


def convolution(kind: int, opset: int = 17) -> onnx.ModelProto:
    net = Net(opset=opset)
    net.head("x", 3)
    model = net.model()
    model.graph.input[0].type.tensor_type.elem_type = kind
    array = onnx.numpy_helper.to_array(model.graph.initializer[0])
    stored = helper.make_tensor("k0", kind, array.shape, array.reshape(-1).tolist())
    model.graph.initializer[0].CopyFrom(stored)
    return model


def test_float16_is_fed_as_such(rng):
    model = convolution(TensorProto.FLOAT16)
    image = rng.integers(0, 256, (1, 3, 8, 8)) / 255
    np.testing.assert_allclose(
        run_onnxruntime(model, image)["t0"], run_float64(model, image)["t0"], atol=1e-2
    )


def test_reasons_are_one_sentence():
    image = np.zeros((1, 3, 8, 8))
    newer = convolution(TensorProto.FLOAT)
    newer.ir_version = 99
    later = convolution(TensorProto.FLOAT)
    later.opset_import[0].version = 99
    custom = Net()
    custom.outputs.append(custom.quant("x"))
    cases = [newer, later, custom.model(), *map(convolution, (TensorProto.DOUBLE,
             TensorProto.BFLOAT16))]  # fmt: skip
    for model in cases:
        with pytest.raises(NotComparableError) as found:
            run_onnxruntime(model, image)
        text = str(found.value)
        assert 5 < len(text) <= 160
        assert "\n" not in text
        assert "onnxruntime_src" not in text


@pytest.mark.parametrize("op", ["HardSwish", "Mish"])
def test_operators_that_are_newer_than_the_opset(rng, op):
    net = Net(opset=13)
    net.outputs.append(net.node(op, net.node("Mul", "x", 4.0)))
    image = rng.integers(0, 256, net.shape) / 255
    x = image * 4
    expected = {
        "HardSwish": x * np.clip(x / 6 + 0.5, 0, 1), "Mish": x * np.tanh(np.log1p(np.exp(x)))
    }[op]  # fmt: skip
    np.testing.assert_allclose(run_float64(net.model(), image)["t1"], expected, atol=1e-12)
    with pytest.raises(NotComparableError):
        run_onnxruntime(net.model(), image)
