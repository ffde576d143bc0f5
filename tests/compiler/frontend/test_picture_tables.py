"""Pictures that a network quantises to fewer codes, or otherwise than byte by byte."""

import msgspec
import numpy as np
import onnx
import pytest

from arch.machine import TINY
from compiler.check.frame import busy_picture, check_frame
from compiler.check.reference import run_float64
from compiler.describe import describe
from compiler.errors import QuantisationError
from compiler.flow import compile_network
from compiler.frontend.pipeline import read_network
from golden import execute
from host.manifest import ManifestError, manifest_of, read_manifest, write_manifest
from tests.samples.qdq_net import QdqNet
from tests.samples.small_onnx import Net


def begun(quantised) -> Net:
    """A network whose picture ``quantised`` makes codes of; then a layer of 4 bits, and a head."""
    net = QdqNet(shape=(1, 3, 10, 10))
    x = quantised(net)
    x = net.quant(net.node("Relu", net.conv(x, 8, 3)), 0.25)
    net.head(x, 8)
    return net


PICTURES = {
    "signed 8 bits": lambda net: net.quant("x", 1 / 127, 8, signed=1, narrow=1),
    "symmetric int8": lambda net: net.coded("x", 1 / 127, 0, signed=True),
    "uint8 of another scale": lambda net: net.coded("x", 1 / 200, 0),
    "4 bits": lambda net: net.quant("x", 1 / 15, 4),
    "4 signed bits of 8, clipped": lambda net: net.coded("x", 1 / 7, 0, 4, signed=True),
    "2 bits": lambda net: net.quant("x", 1 / 3, 2),
    "around zero": lambda net: net.quant(
        net.node("Sub", net.node("Mul", "x", 2.0), 1.0), 1 / 7, 4, signed=1
    ),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_exact_from_picture_to_machine(tmp_path, rng, kind):
    """Every code is that of the exact graph, and of the program on the machine."""
    net = begun(PICTURES[kind])
    path = net.save(tmp_path)
    network = read_network(path)
    picture = rng.integers(0, 256, (3, 10, 10), dtype=np.uint8)
    picture[0] = np.arange(0, 200, 2).reshape(10, 10)  # many bytes, whatever the seed
    reference = run_float64(str(path), picture[None] / 255)
    codes = execute.run(network, picture)[network.input]
    name = network.onnx_names[network.input]
    tensor = network.tensors[network.input]
    values = tensor.scale * (tensor.step * codes.astype(np.int64) + tensor.offset)
    np.testing.assert_allclose(values, reference[name][0], rtol=0, atol=1e-6)
    compiled = compile_network(network, TINY)
    manifest = msgspec.structs.replace(describe(compiled), input_scale=1 / 255)
    manifest = read_manifest(write_manifest(manifest).encode())
    for each in (picture, busy_picture(picture.shape)):
        checked = check_frame(network, path, compiled.image, manifest, each)
        assert checked.references["float64"]


def test_bytes_that_are_codes_need_no_table(tmp_path):
    network = read_network(begun(lambda net: net.picture()).save(tmp_path))
    assert network.picture_table is None
    assert describe(compile_network(network, TINY)).picture.table == ()


def test_two_quantisers_of_one_picture(tmp_path):
    net = QdqNet(shape=(1, 3, 10, 10))
    first = net.conv(net.quant("x", 1 / 15, 4), 8, 3)
    second = net.conv(net.quant("x", 1 / 3, 2), 8, 3)
    net.head(net.quant(net.node("Relu", first), 0.25), 8)
    net.head(net.quant(net.node("Relu", second), 0.25), 8)
    with pytest.raises(QuantisationError, match="the picture is used with two scales"):
        read_network(net.save(tmp_path))


def test_a_table_of_the_wrong_size(tmp_path):
    network = read_network(begun(PICTURES["4 bits"]).save(tmp_path))
    record = msgspec.to_builtins(describe(compile_network(network, TINY)))
    record["picture"]["table"] = [0] * 255
    with pytest.raises(ManifestError, match="a table of 255 bytes"):
        manifest_of(record)


def test_quantisers_in_onnxruntimes_own_domain(tmp_path, rng):
    """As its tools write 4-bit types into files of older opsets; the meaning is ONNX's."""
    net = begun(lambda net: net.picture())
    plain = read_network(net.save(tmp_path))
    model = net.model()
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
            node.domain = "com.microsoft"
    model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    path = tmp_path / "microsoft.onnx"
    onnx.save(model, path)
    picture = rng.integers(0, 256, (3, 10, 10), dtype=np.uint8)
    found, expected = (execute.run(n, picture) for n in (read_network(path), plain))
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)
