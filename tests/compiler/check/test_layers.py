"""Layers of wide codes against other computations: what is an error, and what is a tie."""

from dataclasses import replace

import numpy as np
import onnx
import pytest

from compiler.check.layers import against_default, against_formula, against_single
from compiler.check.onnx import against_onnx
from compiler.check.roundings import Rounding, roundings
from compiler.errors import DifferenceError
from compiler.frontend.pipeline import read_network
from golden.network import Network
from tests.samples.qdq_net import QdqNet


def net_of_two() -> QdqNet:
    net = QdqNet(shape=(1, 3, 24, 24))
    x = net.coded(net.weighted(net.picture(), 8, 3, 7), 0.02, 100)
    x = net.coded(net.silu(x), 0.013, 22)
    x = net.coded(net.weighted(x, 8, 8, 7), 0.021, 90)
    net.result(x, 8)
    return net


def read(folder) -> tuple[Network, onnx.ModelProto, np.ndarray]:
    net = net_of_two()
    network = read_network(net.save(folder))
    shape = network.shape(network.input)
    return network, net.model(), net.rng.integers(0, 256, shape).astype(np.uint8)


def with_first(network: Network, **fields) -> Network:
    return replace(
        network, operators=(replace(network.operators[0], **fields), *network.operators[1:])
    )


def moved_thresholds(network: Network, by: int) -> Network:
    """The first layer's thresholds, all of them moved by so many sums."""
    old = network.operators[0].thresholds
    return with_first(network, thresholds=replace(old, levels=old.levels + by))


def test_a_right_network_differs_nowhere(tmp_path):
    network, model, picture = read(tmp_path)
    formula = against_formula(network, model, picture)
    default = against_default(network, model, picture)
    single = against_single(network, model, picture)
    names = {network.operators[0].between, *(o.output for o in network.operators[:2])}
    for compared in (formula, default, single.layers):
        assert {layer.name for layer in compared} == names
        assert not any(layer.differing for layer in compared)
    references = against_onnx(network, model, picture, 1 / 255)
    assert references["formula"] == dict.fromkeys(names, 0)


def test_one_sum_is_noticed(tmp_path):
    """Thresholds beside those of the formula: its codes, and most are no ties."""
    network, model, picture = read(tmp_path)
    wrong = moved_thresholds(network, 1)
    formula = {layer.name: layer.differing for layer in against_formula(wrong, model, picture)}
    first = network.operators[0]
    assert formula[first.between] > 0
    assert formula[network.operators[1].output] == 0  # fed with the network's own codes
    assert [each.name for each in against_single(wrong, model, picture).unexplained] == [
        first.between
    ]
    with pytest.raises(DifferenceError, match=r"not the ONNX graph: tensor .*QuantizeLinear|t\d+"):
        against_onnx(wrong, model, picture, 1 / 255)


def test_one_entry_of_a_table_is_noticed(tmp_path):
    network, model, picture = read(tmp_path)
    first = network.operators[0]
    codes = first.table.copy()
    codes[0, 100:140] += 1
    wrong = with_first(network, table=codes)
    for compared in (
        against_formula(wrong, model, picture),
        against_default(wrong, model, picture),
        against_single(wrong, model, picture).unexplained,
    ):
        assert [layer.name for layer in compared if layer.differing] == [first.output]
    with pytest.raises(DifferenceError, match="not the ONNX graph"):
        against_onnx(wrong, model, picture, 1 / 255)


def test_the_formula_is_exact_where_real_numbers_have_ties(tmp_path):
    """Scales in simple ratios: codes on a tie in real numbers are float32's to decide."""
    net = QdqNet(shape=(1, 3, 16, 16))
    x = net.coded(net.weighted(net.picture(), 8, 3, 7), 0.02, 100)
    x = net.coded(net.node("LeakyRelu", x, alpha=0.1), 0.004, 40)
    net.result(x, 8)
    network = read_network(net.save(tmp_path))
    picture = net.rng.integers(0, 256, network.shape(network.input)).astype(np.uint8)
    references = against_onnx(network, net.model(), picture, 1 / 255)
    assert not any(references["formula"].values())
    # The 0.1 of the file is a float32 number above it, and so is a negative half step: no ties.
    assert not any(layer.differing for layer in against_default(network, net.model(), picture))


def test_what_a_tie_explains():
    rounding = Rounding("x", np.array(0.5))
    numbers = np.array([0.25001, 0.2, 0.75]).reshape(1, 3, 1, 1)
    right = np.array([1, 0, 2]).reshape(3, 1, 1)
    assert rounding.explains(numbers, right, right)
    assert rounding.explains(numbers, right, np.array([0, 0, 1]).reshape(3, 1, 1))
    assert not rounding.explains(numbers, right, np.array([1, 1, 2]).reshape(3, 1, 1))
    assert not rounding.explains(numbers, right, np.array([1, 0, 4]).reshape(3, 1, 1))


def test_roundings_reach_through_limits_and_scales():
    net = QdqNet()
    x = net.coded(net.weighted(net.picture(), 8, 3), 0.3, 5, 5)
    net.result(x, 8)
    found = roundings(net.model())
    conv = next(node for node in net.nodes if node.op_type == "Conv")
    assert found[x].source == conv.output[0]
    assert found[x].scale == np.float32(0.3)


@pytest.mark.real
def test_a_published_network_in_eight_bits(tmp_path, real_data):
    """YOLOv8n, cut at its six heads, on a photograph."""
    from PIL import Image

    heads = [f"/model.22/cv{i}.{k}/cv{i}.{k}.2/Conv_output_0" for k in range(3) for i in (2, 3)]
    source = real_data / "models" / "yolov8n_640_qdq_int8_minmax.onnx"
    path = tmp_path / "yolov8n.onnx"
    onnx.utils.extract_model(str(source), str(path), ["images"], heads)
    network, model = read_network(path), onnx.load(path)
    photograph = sorted((real_data / "coco128" / "images" / "train").glob("*.jpg"))[0]
    picture = np.asarray(Image.open(photograph).convert("RGB").resize((640, 640)))
    picture = np.ascontiguousarray(picture.transpose(2, 0, 1))
    default = against_default(network, model, picture)
    assert sum(layer.found.size for layer in default) == 31_308_800
    assert not any(layer.differing for layer in default)
    single = against_single(network, model, picture)
    assert not single.unexplained
    assert not single.too_many
