"""What makes a file readable: versions, names that are there once, operators in their form."""

import time
from zipfile import ZipFile

import numpy as np
import onnx
import pytest
from onnx import AttributeProto, TensorProto, helper, numpy_helper

from compiler.errors import OnefourError, ReadError
from compiler.frontend.pipeline import read_network
from tests.compiler.frontend.test_frontend_errors import refused
from tests.samples.small_onnx import quantised_net


def small_model() -> onnx.ModelProto:
    net, x = quantised_net()
    net.head(x, 8)
    return net.model()


def saved(model, folder):
    path = folder / "changed.onnx"
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize("version", [1 << 40, -1, 0, 5, 1000])
def test_opsets(tmp_path, version):
    model = small_model()
    model.opset_import[0].version = version
    refused(saved(model, tmp_path), ReadError, f"opset {version}; supported are 6 to")


def test_no_opset_and_two(tmp_path):
    model = small_model()
    model.opset_import.append(helper.make_opsetid("ai.onnx", 9))
    refused(saved(model, tmp_path), ReadError, "9, 17", "exactly one")
    del model.opset_import[:]
    refused(saved(model, tmp_path), ReadError, "opset", "none")


def test_a_checkpoint_of_pytorch(tmp_path):
    """People have these; the message names the command that makes an ONNX file of them."""
    path = tmp_path / "yolov8n.pt"
    with ZipFile(path, "w") as archive:
        archive.writestr("yolov8n/data.pkl", b"weights")
    refused(path, ReadError, "a zip archive", f"yolo export model={path} format=onnx")


@pytest.mark.parametrize("version", [0, 1, 1 << 40, -3])
def test_ir_versions(tmp_path, version):
    model = small_model()
    model.ir_version = version
    refused(saved(model, tmp_path), ReadError, f"IR version {version}", "supported are 3 to")


def test_two_initialisers_of_one_name(tmp_path):
    model = small_model()
    again = onnx.TensorProto()
    again.CopyFrom(model.graph.initializer[0])
    model.graph.initializer.append(again)
    refused(saved(model, tmp_path), ReadError, f"initialiser {again.name!r}", "twice")


def test_initialiser_and_result_of_one_name(tmp_path):
    model = small_model()
    tensor = numpy_helper.from_array(np.ones(1, np.float32), model.graph.node[0].output[0])
    model.graph.initializer.append(tensor)
    refused(saved(model, tmp_path), ReadError, "written twice")


def test_two_constant_nodes_of_one_name(tmp_path):
    model = small_model()
    value = numpy_helper.from_array(np.ones(1, np.float32))
    for _ in range(2):
        model.graph.node.insert(0, helper.make_node("Constant", [], ["c"], value=value))
    refused(saved(model, tmp_path), ReadError, "'c'", "written twice")


def test_two_inputs_of_one_name(tmp_path):
    model = small_model()
    model.graph.input.append(model.graph.input[0])
    refused(saved(model, tmp_path), ReadError, "input 'x' is there twice")


def test_dense_and_sparse_initialiser(tmp_path):
    model = small_model()
    name = model.graph.initializer[0].name
    values = numpy_helper.from_array(np.ones(1, np.float32), name)
    places = numpy_helper.from_array(np.zeros(1, np.int64), f"{name}_places")
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(values, places, [4]))
    refused(saved(model, tmp_path), ReadError, "sparse")


def test_initialiser_without_a_name(tmp_path):
    model = small_model()
    model.graph.initializer.append(numpy_helper.from_array(np.ones(8, np.float32), ""))
    refused(saved(model, tmp_path), ReadError, "no name")


def test_initialiser_that_is_also_an_input(tmp_path):
    """Legal: the default of an input that is not given."""
    model = small_model()
    first = model.graph.initializer[0]
    model.graph.input.append(
        helper.make_tensor_value_info(first.name, TensorProto.FLOAT, first.dims)
    )
    assert read_network(saved(model, tmp_path)).outputs


def test_function_of_the_file(tmp_path):
    model = small_model()
    body = [helper.make_node("Neg", ["a"], ["b"])]
    function = helper.make_function("", "Relu", ["a"], ["b"], body, [helper.make_opsetid("", 17)])
    model.functions.append(function)
    refused(saved(model, tmp_path), ReadError, "Relu", "function that the file defines")


def test_very_many_nodes(tmp_path):
    model = small_model()
    model.graph.node.extend(helper.make_node("Identity", ["x"], [f"i{i}"]) for i in range(100_000))
    start = time.perf_counter()
    refused(saved(model, tmp_path), ReadError, "operators; supported are 20000")
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize(
    ("change", "texts"),
    [
        (lambda node: node.input.append("x"), ["inputs", "check it with onnx.checker"]),
        (lambda node: node.input.pop(), ["1 inputs", "Conv takes"]),
        (lambda node: node.attribute.append(helper.make_attribute("group", 1.0)),
         ["'group'", "FLOAT", "INT"]),
        (lambda node: node.attribute.append(node.attribute[0]), ["'pads'", "twice"]),
    ],
)  # fmt: skip
def test_forms_of_nodes(tmp_path, change, texts):
    model = small_model()
    if texts[0] == "inputs":
        model.graph.node[0].input.append("t0")
        model.graph.node[0].input.append("t0")
    change(model.graph.node[0])
    refused(saved(model, tmp_path), ReadError, "Conv 'conv0'", *texts)


def test_missing_attribute(tmp_path):
    net, x = quantised_net()
    net.head(net.node("MaxPool", x), 8)
    refused(net.save(tmp_path), ReadError, "MaxPool", "'kernel_shape' is missing")


@pytest.mark.parametrize("op", ["Quant", "IntQuant"])
@pytest.mark.parametrize("missing", ["signed", "narrow"])
def test_quantiser_that_does_not_say_its_range(tmp_path, op, missing):
    model = small_model()
    node = next(node for node in model.graph.node if node.op_type == "Quant")
    node.op_type = op
    read_network(saved(model, tmp_path))
    node.attribute.remove(next(a for a in node.attribute if a.name == missing))
    texts = f"{op} 'quant", f"'{missing}' is missing", "QONNX"
    refused(saved(model, tmp_path), ReadError, *texts)


def test_sparse_constant(tmp_path):
    model = small_model()
    values = numpy_helper.from_array(np.ones(1, np.float32), "v")
    places = numpy_helper.from_array(np.zeros(1, np.int64), "p")
    node = helper.make_node("Constant", [], ["c"])
    attribute = AttributeProto(name="sparse_value", type=AttributeProto.SPARSE_TENSOR)
    attribute.sparse_tensor.CopyFrom(helper.make_sparse_tensor(values, places, [4]))
    node.attribute.append(attribute)
    model.graph.node.insert(0, node)
    refused(saved(model, tmp_path), ReadError, "'sparse_value'", "dense")


def test_output_that_is_constant(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    net.outputs.append(net.node("Identity", 1.0))
    refused(net.save(tmp_path), OnefourError, "is constant")


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0, -1.0])
def test_input_scale(tmp_path, scale):
    refused(saved(small_model(), tmp_path), ReadError, "input scale", input_scale=scale)


def test_what_is_not_understood_is_not_blamed_on_the_file(tmp_path, monkeypatch):
    def fail(*_):
        raise KeyError("somewhere")

    monkeypatch.setattr("compiler.frontend.pipeline.build_network", fail)
    model = small_model()
    name = model.graph.output[0].name
    result = helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 5, 8, 8])
    model.graph.output[0].CopyFrom(result)
    message = refused(saved(model, tmp_path), ReadError, "KeyError", "defect of the compiler")
    assert "damaged" not in message


def test_too_little_memory(tmp_path, monkeypatch):
    def fail(*_):
        raise MemoryError("Unable to allocate 9 TiB")

    monkeypatch.setattr("compiler.frontend.pipeline.build_network", fail)
    refused(saved(small_model(), tmp_path), ReadError, "not enough memory", "9 TiB")
