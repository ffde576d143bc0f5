"""Candidates of heads and tails: which sums limit a box's score, and where that is not known."""

import numpy as np
import pytest

from arch.errors import OnefourError
from arch.machine import TINY
from compiler.candidates.find import below
from compiler.command import run
from compiler.flow import compile_file
from golden.network import Thresholds
from tests.samples.detectors import compiled, raw_maps, with_tail
from tests.samples.small_onnx import Net
from tests.samples.tails import CLASSES, anchor_free, anchors, begun, distribution, named, shaped


def test_objectness_of_raw_maps(tmp_path):
    made, manifest = compiled(raw_maps(tmp_path), TINY, 0.25)
    assert manifest.confidence == 0.25
    assert [each.channels for each in manifest.candidates] == [(4, 12, 20)] * 2
    for each, output in zip(manifest.candidates, made.network.outputs, strict=True):
        assert each.results == (each.of,) == (output.name,)
        scale, bias = output.scale[4], output.bias[4]
        assert each.sign[0] == np.sign(scale) == 1
        limits = [(each.level[0] - back) * scale + bias for back in (0, 1)]
        assert limits[0] >= np.log(1 / 3) > limits[1]


@pytest.mark.parametrize(
    ("tail", "channels", "results"),
    [(anchors, 3, [1, 1]), (anchor_free, 1, [3]), (distribution, 3, [2, 2])],
)
def test_scores_of_tails(tmp_path, tail, channels, results):
    made, manifest = compiled(with_tail(tmp_path, tail), TINY, 0.3)
    assert not made.candidates.reason
    assert [len(each.results) for each in manifest.candidates] == results
    assert {len(each.channels) for each in manifest.candidates} == {channels}


def changed(tail):
    """A detector of one map whose tail ends in ``tail(net, scores, boxes)``; its objects' map."""
    net, x = begun()
    boxes, classes = net.conv(x, 4, 8, 1), net.conv(x, CLASSES, 8, 1)
    net.outputs.append(tail(net, classes, boxes))
    return net


def joined(net, scores, boxes):
    return shaped(net, net.node("Concat", boxes, scores, axis=1), 1, 4 + CLASSES, -1)


UNKNOWN = {
    "are no sigmoids of single sums": lambda net, c, b: joined(
        net, net.node("Softmax", net.node("Sigmoid", c), axis=1), b
    ),
    "a box depends on more than one place": lambda net, c, b: joined(
        net, net.node("Sigmoid", c), net.node("Mul", b, net.node("ReduceMax", b, axes=[3]))
    ),
    "could not be followed through MaxPool": lambda net, c, b: joined(
        net, net.node("Sigmoid", c),
        net.node("MaxPool", b, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("reason", UNKNOWN)
def test_tails_of_other_forms(tmp_path, reason):
    path = tmp_path / "other.onnx"
    net = changed(lambda net, c, b: net.node("Add", UNKNOWN[reason](net, c, b), 0.0)
                  if reason.startswith("are") else UNKNOWN[reason](net, c, b))  # fmt: skip
    path.write_bytes(named(net).SerializeToString())
    path.with_suffix(".json").write_text('{"layout": "yolov8", "classes": ["a", "b", "c"]}')
    made, manifest = compiled(path, TINY, 0.3)
    assert reason in made.candidates.reason
    assert manifest.candidates == ()


def test_a_network_of_which_nothing_is_known(tmp_path):
    net = Net()
    net.head(net.quant(net.node("Relu", net.conv("x", 8, 3))), 8)
    made = compile_file(net.save(tmp_path), TINY, confidence=0.5)
    assert made.candidates.reason == "no side-car says how its boxes are decoded"


def test_the_build_tells_it(tmp_path, capfd):
    path = raw_maps(tmp_path)
    common = ["build", str(path), "--machine", "tiny", "--no-verilog", "--no-check"]
    asked = [*common, "-o", str(tmp_path / "a"), "--confidence", "0.5"]
    assert run([*asked, "--heads", "array"]) == 0
    assert "that want no box below 0.5 fetch " in capfd.readouterr().out
    assert run(asked) == 0
    told = capfd.readouterr().out
    assert "a box of 0.5 or more can be: 192 products for each of at most 80 places" in told
    assert "computed by the array (--heads array) it would take " in told
    assert "what the host computes is not in them" in told
    assert run([*asked, "--heads", "host"]) == 0
    assert "it would take" not in capfd.readouterr().out
    with pytest.raises(OnefourError, match=r"add --confidence 0\.25, or leave --heads out"):
        run([*common, "--heads", "host"])
    assert run([*common, "-o", str(tmp_path / "b")]) == 0
    assert "hosts" not in capfd.readouterr().out
    path.with_suffix(".json").unlink()
    assert run([*common, "-o", str(tmp_path / "c"), "--confidence", "0.5"]) == 0
    assert "hosts fetch all results: no side-car says" in capfd.readouterr().out
    with pytest.raises(OnefourError, match=r"no side-car says how .*; leave --heads out"):
        run([*asked, "--heads", "host"])
    with pytest.raises(SystemExit):
        run([*common, "--confidence", "1"])


def test_a_lower_floor_for_float32(rng):
    """No score of a float32 sigmoid reaches the floor where the exact one is below the lower."""
    for floor in (0.001, 0.25, 0.999):
        low = np.log(below(floor) / (1 - below(floor)))
        near = np.float32(low) - np.abs(rng.standard_normal(1000)).astype(np.float32) * 1e-3
        scores = 1 / (1 + np.exp(-near.astype(np.float32)))
        assert scores.dtype == np.float32
        assert (scores.astype(np.float64) < floor - 1e-6).all()
    assert below(0.001) > 0.0009


def test_sums_that_always_pass(tmp_path):
    """A bias that no sum makes up for: the map is 1 everywhere."""
    net, x = begun()
    net.outputs.append(net.node("Add", net.conv(x, 5 + CLASSES, 8, 1), 1000.0))
    path = tmp_path / "biased.onnx"
    path.write_bytes(net.model().SerializeToString())
    path.with_suffix(".json").write_text(
        '{"classes": ["a", "b", "c"], "strides": [8], "anchors": [[[8, 8]]]}'
    )
    _, manifest = compiled(path, TINY, 0.3)
    assert -Thresholds.FAR <= manifest.candidates[0].level[0] < -1000
