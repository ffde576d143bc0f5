"""QONNX operators in standard form keep their defined rounding, clipping and sign of zero."""

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from quant.plain_onnx import PlainRunner, code_range, plain

DOMAIN = "qonnx.custom_op.general"


def one_node(op: str, constants: dict[str, float], **attributes) -> onnx.ModelProto:
    """A model of one quantiser over a [1, 3, 1, 8] input."""
    node = helper.make_node(op, ["x", *constants], ["y"], name=op, domain=DOMAIN, **attributes)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3, 1, 8]) for name in ("x", "y")
    ]
    values = [numpy_helper.from_array(np.float32(v), name) for name, v in constants.items()]
    graph = helper.make_graph([node], op, [ends[0]], [ends[1]], initializer=values)
    opsets = [helper.make_opsetid("", 13), helper.make_opsetid(DOMAIN, 2)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8)


def quant(*, bits: int = 4, zero_point: float = 0.0, scale: float = 1.0, **attributes):
    constants = {"scale": scale, "zero_point": zero_point, "bits": bits}
    return one_node("Quant", constants, **attributes)


def run(model: onnx.ModelProto, values: list[float]) -> np.ndarray:
    """The node's outputs for eight values."""
    session = onnxruntime.InferenceSession(plain(model).SerializeToString())
    x = np.broadcast_to(np.float32(values), (1, 3, 1, 8))
    return session.run(None, {"x": x})[0][0, 0, 0]


@pytest.mark.parametrize(
    ("bits", "signed", "narrow", "expected"),
    [
        (4, False, False, (0, 15)),
        (4, True, False, (-8, 7)),
        (4, True, True, (-7, 7)),
        (4, False, True, (0, 14)),
        (8, False, False, (0, 255)),
    ],
)
def test_code_range(bits, signed, narrow, expected):
    assert code_range(bits, signed=signed, narrow=narrow) == expected


def test_quant_rounds_halves_to_even_and_clips():
    model = quant(scale=2.0, signed=0, narrow=0, rounding_mode="ROUND")
    y = run(model, [-9, 1, 2.9, 3, 5, 7, 29, 255])
    assert y.tolist() == [0, 0, 2, 4, 4, 8, 28, 30]


def test_signed_narrow_quant_clips_both_ways():
    y = run(quant(scale=0.5, signed=1, narrow=1), [-9, -3.5, -3.4, -0.25, 0.25, 0.75, 3.5, 9])
    assert y.tolist() == [-3.5, -3.5, -3.5, 0, 0, 1, 3.5, 3.5]


def test_zero_points_are_added_before_rounding_and_clipping():
    y = run(quant(scale=2.0, signed=0, narrow=0, zero_point=3.0), [-9, -7, -5, -1, 0, 1, 3, 255])
    # x / 2 + 3 is -1.5, -0.5, 0.5, 2.5, 3, 3.5, 4.5, 130.5.
    assert y.tolist() == [-6, -6, -6, -2, 0, 2, 2, 24]


def test_bipolar_zero_is_positive():
    y = run(one_node("BipolarQuant", {"scale": 0.5}), [-2, -1e-9, -0.0, 0, 1e-9, 1, 2, 3])
    assert y.tolist() == [-0.5, -0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.5]


def test_runner_divides_pixels_by_255(tmp_path):
    onnx.save(quant(bits=8, scale=np.float32(1) / np.float32(255), signed=0), tmp_path / "one.onnx")
    pixels = np.arange(24, dtype=np.uint8).reshape(1, 8, 3) * 11
    y = PlainRunner(tmp_path / "one.onnx")(pixels)[0]
    np.testing.assert_array_equal(np.rint(y[0, :, 0] * 255), pixels[0].T)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (quant(rounding_mode="FLOOR"), "rounding mode must be ROUND, not FLOOR"),
        (one_node("Trunc", {"scale": 1.0}), "Trunc 'Trunc': no plain ONNX form"),
    ],
)
def test_other_quantisers_are_refused(model, message):
    with pytest.raises(ValueError, match=message):
        plain(model)
