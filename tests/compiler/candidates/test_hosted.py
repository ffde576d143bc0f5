"""Heads of the host: which convolutions can be some, and what is left to the array."""

import numpy as np
import onnx
import pytest

from arch.machine import TINY
from compiler.candidates.hosted import head_weights, hosted, of_array
from compiler.flow import ARRAY, HOST
from golden import execute
from tests.samples.detectors import compiled, frame, raw_maps, with_tail
from tests.samples.tails import CLASSES, begun, distribution, named, shaped


def test_all_of_a_detectors_maps(tmp_path):
    made, manifest = compiled(raw_maps(tmp_path), TINY, 0.9, HOST)
    names = [output.name for output in made.network.outputs]
    assert [head.of for head in made.heads] == names
    features = [head.features for head in manifest.heads]
    assert all(manifest.layer_of(name).kind == "codes" for name in features)
    jobs = {placed.job.output for placed in made.plan.jobs}
    assert jobs.isdisjoint(output.tensor for output in made.network.outputs)
    weights = sum(head.channels * made.network.tensors[head.features].channels
                  for head in made.heads)  # fmt: skip
    assert len(head_weights(made.network, made.heads)) == 4 * weights


def test_the_network_is_the_same(tmp_path, rng):
    """The integer network has all sums; what is left to the array has every other tensor."""
    made, _ = compiled(raw_maps(tmp_path), TINY, 0.9, HOST)
    codes = frame(rng).codes
    whole = execute.run(made.network, codes)
    part = execute.run(of_array(made.network, made.heads), codes)
    gone = {output.tensor for output in made.network.outputs}
    assert part.keys() == whole.keys() - gone
    for name, values in part.items():
        np.testing.assert_array_equal(values, whole[name])


def test_the_faster_one_is_taken(tmp_path):
    path = raw_maps(tmp_path)
    cycles = {
        where: compiled(path, TINY, 0.9, where)[0].prediction.cycles for where in (HOST, ARRAY)
    }
    assert cycles[HOST] < cycles[ARRAY]
    made, _ = compiled(path, TINY, 0.9, None)
    assert made.heads
    assert (made.prediction.cycles, made.other_cycles) == (cycles[HOST], cycles[ARRAY])


def test_branches_of_boxes_and_classes(tmp_path):
    made, _ = compiled(with_tail(tmp_path, distribution), TINY, 0.5, HOST)
    assert len(made.heads) == 4


def changed(kind):
    """Heads for boxes and classes of one map, the latter of another ``kind``; and its file."""
    net, x = begun()
    boxes = net.conv(x, 4, 8, 1)
    if kind == "3x3":
        classes = net.conv(x, CLASSES, 8, 3)
    elif kind == "joined":
        classes = net.conv(net.node("Concat", x, x, axis=1), CLASSES, 16, 1)
    else:
        classes = net.conv(x, CLASSES, 8, 1)
    scores = net.node("Sigmoid", classes)
    placed = net.node("Add", net.node("Mul", boxes, 8.0), 4.0)
    net.outputs.append(shaped(net, net.node("Concat", placed, scores, axis=1), 1, 4 + CLASSES, -1))
    return net, boxes, classes


@pytest.mark.parametrize("kind", ["1x1", "3x3", "joined"])
def test_what_is_left_to_the_array(tmp_path, kind):
    net, boxes, classes = changed(kind)
    path = tmp_path / "one.onnx"
    onnx.save(named(net), path)
    made, manifest = compiled(path, TINY, 0.5, HOST)
    assert not made.candidates.reason
    assert {head.of for head in made.heads} == ({boxes, classes} if kind == "1x1" else {boxes})
    raw = [layer for layer in manifest.layers if layer.kind == "raw"]
    assert len(raw) == (kind != "1x1")


def test_what_no_map_is_about_stays(tmp_path):
    made, _ = compiled(raw_maps(tmp_path), TINY, 0.9)
    assert hosted(made.network, made.candidates.maps[:1])[0].of == made.network.outputs[0].name
    assert len(hosted(made.network, made.candidates.maps[:1])) == 1
    assert hosted(made.network, ()) == ()
