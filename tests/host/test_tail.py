"""Tails on the host: types, order, and what cannot run."""

import numpy as np
import pytest
from onnx import TensorProto, helper

from host import tail as module
from host.tail import Tail, TailError, cast, model_outputs


def model(kind: int = TensorProto.FLOAT, op: str = "Neg", domain: str = "") -> bytes:
    x, y = (helper.make_tensor_value_info(name, kind, [1, 2, 3, 3]) for name in "xy")
    graph = helper.make_graph([helper.make_node(op, ["x"], ["y"], domain=domain)], "g", [x], [y])
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("other", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


@pytest.mark.parametrize(
    ("kind", "dtype"),
    [
        (TensorProto.FLOAT, np.float32),
        (TensorProto.FLOAT16, np.float16),
        (TensorProto.DOUBLE, np.float64),
        (TensorProto.INT32, np.int32),
        (TensorProto.INT8, np.int8),
    ],
)
def test_types(rng, kind, dtype):
    values = rng.integers(-99, 99, (2, 3, 3)).astype(np.float64)
    found = Tail(model(kind)).run({"x": values})["y"]
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[0], -values)


def test_whole_numbers_are_rounded_and_not_cut():
    assert cast(np.array([1.9999999, -2.9999999]), np.int32).tolist() == [2, -3]


def test_outputs_that_are_results(rng):
    values = rng.random((2, 3, 3))
    found = model_outputs(Tail(model()), {"x": values}, ("x", "y"))
    assert list(found) == ["x", "y"]
    np.testing.assert_array_equal(found["x"], values[None])
    assert list(model_outputs(None, {"x": values}, ("x",))) == ["x"]


def test_an_operator_that_onnxruntime_does_not_have():
    with pytest.raises(TailError, match="onnxruntime does not compute it"):
        Tail(model(op="Strange", domain="other"))


def test_no_file():
    with pytest.raises(TailError, match="onnxruntime does not compute it"):
        Tail(b"")


def test_a_type_that_results_cannot_have():
    with pytest.raises(TailError, match="input 'x' is of type"):
        Tail(model(TensorProto.BOOL, "Not"))


def test_without_onnxruntime(monkeypatch):
    def missing(name):
        raise module.OnefourError(f"this needs the package {name}; run: pip install 'onefour'")

    monkeypatch.setattr(module, "need", missing)
    with pytest.raises(module.OnefourError, match="needs the package onnxruntime"):
        Tail(model())
