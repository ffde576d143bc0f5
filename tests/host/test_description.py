"""Side-car files: what is read, what is assumed, what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from host.description import (
    DescriptionError,
    parse_description,
    read_description,
    read_head,
    side_car,
)

RECORD = {
    "classes": ["disc", "ring"],
    "strides": [8, 16],
    "anchors": [[[15, 15], [20, 20]], [[36, 36], [48, 48]]],
}


def test_defaults():
    description = parse_description(RECORD)
    assert description.head.kind == "yolov5"
    assert (description.colour, description.fit) == ("rgb", "stretch")
    assert description.scale == 1 / 255
    assert description.head.channels(0) == 2 * 7
    np.testing.assert_array_equal(description.head.anchors[1], [[36, 36], [48, 48]])


def test_everything_is_read():
    source = {"colour": "BGR", "scale": 0.5, "fit": "letterbox"}
    options = {"head": "yolov3", "scale_xy": 1.05, "merge_anchors": True, "single_object": True,
               "exclusive": True, "outputs": ["a", "b"], "input": source, "ap50": 0.9}  # fmt: skip
    description = parse_description(RECORD | options)
    head = description.head
    assert (head.kind, head.scale_xy, head.outputs) == ("yolov3", (1.05, 1.05), ("a", "b"))
    assert head.merge_anchors
    assert head.single_object
    assert head.exclusive
    assert (description.colour, description.scale, description.fit) == ("bgr", 0.5, "letterbox")


def test_the_training_script_writes_channels_and_a_fraction():
    source = {"height": 160, "width": 160, "channels": "RGB", "scale": "1/255"}
    description = parse_description(RECORD | {"input": source})
    assert (description.colour, description.scale) == ("rgb", pytest.approx(1 / 255))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"head": "yolov8"}, "'head' must be one of yolov5, yolov3, yolov2, not 'yolov8'"),
        ({"classes": []}, "'classes' must be a list with entries, not \\[\\]"),
        ({"strides": None}, "'strides' must be a list"),
        ({"strides": [8, 0]}, "'strides' must be a positive number, not 0"),
        ({"strides": [8]}, "'anchors' has 2 lists and 'strides' 1 entries"),
        ({"anchors": [[[1, 2, 3]], [[1, 2]]]}, "'anchors' must be a list for each output"),
        ({"anchors": [[[1, 2]], [[1, -2]]]}, "'anchors' must be a positive number, not -2"),
        ({"anchors": [[[1, 2], [1]], [[1, 2]]]}, "'anchors' must be"),
        ({"scales": [0.5]}, "'scales' must be a list with one number for each of the 2 outputs"),
        ({"scales": [0.5, -1]}, "'scales' must be a positive number, not -1"),
        ({"scale_xy": [1.1]}, "'scale_xy' has 1 entries, 'strides' 2"),
        ({"scale_xy": [1.1, "x"]}, "'scale_xy' must be a positive number, not 'x'"),
        ({"outputs": ["a"]}, "'outputs' names 1 outputs, 'strides' 2"),
        ({"input": []}, "'input' must be an object"),
        ({"input": {"colour": "grey"}}, "'input.colour' must be one of rgb, bgr, not 'grey'"),
        ({"input": {"scale": "1/0"}}, "'input.scale' must be a positive number, not '1/0'"),
        ({"outputs": 5}, "'outputs' must be a list of names, not 5"),
        ({"classes": 3}, "'classes' must be a list with entries, not 3"),
        ({"classes": [1, 2]}, "'classes' must be a list of names"),
        ({"strides": [8, 0.5]}, "'strides' must be whole numbers, not 0.5"),
        ({"strides": [8, True]}, "'strides' must be a positive number, not True"),
        ({"anchors": [[[1, float("inf")]], [[1, 2]]]}, "'anchors' must be a positive number"),
        ({"anchors": 5}, "'anchors' must be a list with entries"),
        ({"exclusive": "no"}, "'exclusive' must be true or false, not 'no'"),
        ({"input": {"scale": "1e999"}}, "'input.scale' must be a positive number, not '1e999'"),
        ({"input": {"scale": "1e-999999999"}}, "'input.scale' must be a positive number"),
        ({"input": {"fit": "crop"}}, "'input.fit' must be one of stretch, letterbox"),
    ],
)
def test_mistakes_are_named(change, message):
    with pytest.raises(DescriptionError, match=message):
        parse_description(RECORD | change)


def test_files(tmp_path):
    path = side_car(tmp_path / "net.onnx")
    assert path == tmp_path / "net.json"
    with pytest.raises(DescriptionError, match=r"net.json: cannot be read \(No such file"):
        read_description(path)
    path.write_text("{")
    with pytest.raises(DescriptionError, match="net.json: not JSON"):
        read_description(path)
    path.write_text("[]")
    with pytest.raises(DescriptionError, match="net.json: must be an object, not list"):
        read_description(path)
    path.write_text(json.dumps(RECORD))
    assert read_description(path).head.classes == ("disc", "ring")


EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def test_the_bundled_network_has_a_description():
    head = read_description(EXAMPLES / "shapes" / "shapes.json").head
    assert len(head.strides) == 2
    assert head.channels(0) == 3 * (5 + len(head.classes))


def test_ultranet_has_36_channels():
    head = read_description(EXAMPLES / "ultranet.json").head
    assert head.channels(0) == 36
    assert head.merge_anchors


def test_a_layout_of_the_models_own_outputs():
    record = {"layout": "ssd", "classes": ["a"], "output": "b", "scores": "s",
              "input": {"fit": "letterbox"}}  # fmt: skip
    found = parse_description(record)
    assert found.head is None
    assert (found.table.layout, found.table.output, found.table.scores) == ("ssd", "b", "s")
    assert (found.table.classes, found.fit) == (("a",), "letterbox")


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"layout": "yolo"}, "'layout' must be one of yolov5, yolov8, "),
        ({"strides": [8]}, "'layout' is about the model's own outputs and 'strides' about raw"),
        ({"output": 5}, "'output' must be a name"),
        ({"classes": "a"}, "'classes' must be a list of names"),
    ],
)
def test_wrong_layouts(more, text):
    with pytest.raises(DescriptionError, match=text):
        parse_description({"layout": "yolov8"} | more)


def test_raw_maps_are_not_read_by_a_layout(tmp_path):
    path = tmp_path / "model.json"
    path.write_text('{"layout": "yolov8"}')
    assert read_description(path).table.layout == "yolov8"
    with pytest.raises(DescriptionError, match="raw maps need 'head'"):
        read_head(path)
