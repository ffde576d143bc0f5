"""The study: of a network that detects, and what stops it."""

import json

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")

import torch
from onnx import TensorProto, helper, numpy_helper

from host.description import Description, Head
from quant.__main__ import main
from quant.data.dataset import read_dataset
from quant.data.pictures import load_pictures
from quant.errors import TrainingError
from quant.post_training.onnx_network import OnnxNetwork, convolution_weights, with_weights
from quant.post_training.study import COLUMNS, score_network, study
from tests.quant import tiny

SIDE = 64


def model(seed: int = 1, size: object = SIDE, batch: int = 1) -> onnx.ModelProto:
    """A float detector of the two shapes at stride 16, of random weights."""
    rng = np.random.default_rng(seed)
    channels = 2 * (5 + len(tiny.NAMES))
    shapes = {"a": (16, 3, 5, 5), "b": (channels, 16, 3, 3)}
    tensors = [
        numpy_helper.from_array(
            rng.normal(0, 1 / np.sqrt(np.prod(s[1:])), s).astype(np.float32), name
        )
        for name, s in shapes.items()
    ]
    strides = {"strides": [4, 4]}
    nodes = [
        helper.make_node("Conv", ["x", "a"], ["h"], pads=[1, 1, 1, 1], **strides),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "b"], ["y"], pads=[1, 1, 1, 1], **strides),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3, size, size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, None, None])],
        tensors,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


DESCRIPTION = {
    "classes": list(tiny.NAMES), "strides": [16], "anchors": [[[12, 12], [30, 30]]],
    "input": {"fit": "stretch"},
}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A model with its side-car, and pictures."""
    onnx.save(model(), tmp_path / "tiny.onnx")
    (tmp_path / "tiny.json").write_text(json.dumps(DESCRIPTION))
    tiny.write_data(tmp_path, {"train": 2, "val": 4})
    return tmp_path


def description(**changes) -> Description:
    anchors = tuple(np.array(a, float) for a in DESCRIPTION["anchors"])
    head = Head(kind="yolov5", classes=tiny.NAMES, strides=(16,), anchors=anchors)
    return Description(head=head, **changes)


def test_a_network_sees_pictures_as_described():
    x = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    plain = OnnxNetwork(model(), description())
    (found,) = plain(x)
    assert found.shape == (2, 14, 4, 4)
    weights = {k: torch.from_numpy(v.copy()) for k, v in convolution_weights(model()).items()}
    h = torch.nn.functional.conv2d(x, weights["a"], stride=4, padding=1).relu()
    expected = torch.nn.functional.conv2d(h, weights["b"], stride=4, padding=1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    (turned,) = OnnxNetwork(model(), description(colour="bgr"))(x.flip(1))
    torch.testing.assert_close(turned, found)
    (bytes_,) = OnnxNetwork(model(), description(scale=1.0))(x / 255)
    torch.testing.assert_close(bytes_, found, rtol=1e-4, atol=1e-4)


def test_maps_are_found_by_their_size():
    two = model()
    shape = [1, 3, SIDE, SIDE]
    two.graph.output.insert(0, helper.make_tensor_value_info("x2", TensorProto.FLOAT, shape))
    two.graph.node.append(helper.make_node("Add", ["x", "x"], ["x2"]))
    assert OnnxNetwork(two, description()).outputs == ("y",)
    head = Head(kind="yolov5", classes=("a",), strides=(16,), anchors=description().head.anchors)
    with pytest.raises(TrainingError, match=r"stride 16 needs one output of shape \[12, 4, 4\]"):
        OnnxNetwork(two, Description(head=head))


def test_weights_change_and_nothing_else():
    before = model()
    halved = {name: w / 2 for name, w in convolution_weights(before).items()}
    after = with_weights(before, halved)
    for name, weight in convolution_weights(after).items():
        np.testing.assert_array_equal(weight, halved[name])
    assert before == model()
    assert after.graph.node == before.graph.node


def test_rows_are_of_the_networks_they_name(folder):
    rows = study(model(), description(), folder / "data.yaml", bits=(8, 2))
    assert len(rows) == 1 + 2 * 3 * 4
    loaded = load_pictures(
        read_dataset(folder / "data.yaml").split("val"),
        height=SIDE, width=SIDE, fit="stretch", progress="val",
    )  # fmt: skip
    scores = score_network(OnnxNetwork(model(), description()), loaded)
    assert (rows[0].scheme, rows[0].ap50, rows[0].ap) == ("float", scores.ap50, scores.ap)
    by = {(r.bits, r.scheme, r.granularity): r for r in rows}
    one = by[8, "symmetric", "tensor"]
    count = 16 * 75 + 14 * 144
    assert rows[0].weight_bits == 16 * count
    assert one.weight_bits == 8 * count + 2 * 16
    assert one.sqnr > by[2, "symmetric", "tensor"].sqnr + 20
    assert by[2, "codebook", "channel"].sqnr > by[2, "codebook", "tensor"].sqnr
    assert rows[0].sqnr is None


def test_command_line(folder, capsys):
    given = ["study", folder / "tiny.onnx", "--data", folder / "data.yaml", "--bits", "4",
             "--record", folder / "study.json"]  # fmt: skip
    assert main([str(each) for each in given]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "| " + " | ".join(COLUMNS) + " |"
    assert len(lines) == 2 + 13
    record = json.loads((folder / "study.json").read_text())
    assert (record["network"], len(record["rows"])) == ("tiny", 13)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: (f / "tiny.onnx").write_bytes(b"no network"), "tiny.onnx: not an ONNX file"),
        (lambda f: (f / "tiny.onnx").unlink(), "tiny.onnx: No such file"),
        (lambda f: (f / "tiny.json").unlink(), "tiny.json: cannot be read"),
        (lambda f: onnx.save(model(size="side"), f / "tiny.onnx"), "fixed height and width"),
        (lambda f: onnx.save(model(batch=4), f / "tiny.onnx"), "[1, 3, height, width] of float32"),
        (lambda f: (f / "data.yaml").unlink(), "data.yaml"),
    ],
)
def test_one_message_for_what_is_wrong(change, message, folder, capsys):
    change(folder)
    given = ["study", folder / "tiny.onnx", "--data", folder / "data.yaml"]
    assert main([str(each) for each in given]) == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_bits_and_networks_without_float_weights(folder, capsys):
    given = ["study", str(folder / "tiny.onnx"), "--data", str(folder / "data.yaml")]
    assert main([*given, "--bits", "1"]) == 2
    assert "weights of 1 bits; expected 2 to 8" in capsys.readouterr().err
    empty = model()
    del empty.graph.initializer[:]
    onnx.save(empty, folder / "tiny.onnx")
    assert main(given) == 2
    assert "no Conv with float weights" in capsys.readouterr().err
