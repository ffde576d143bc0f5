"""A detector as exported, from its file to boxes: build, golden run, pictures drawn."""

import json

import numpy as np
import onnx
import pytest
from PIL import Image

import compiler.__main__
import golden.__main__
from arch.machine import TINY
from compiler.build_folder import BuildError, read_build
from compiler.flow import compile_file
from compiler.frontend.split.model import split_file
from compiler.tail import class_names, describe_tail
from golden import execute
from golden.machine import GoldenMachine
from host.boxes import boxes_on_picture
from host.boxes import class_names as names_of_boxes
from host.frame import load_frame
from host.layouts import detections
from host.memory import memory_with_picture
from host.tail import Tail, model_outputs
from tests.samples.tails import SIZE, anchor_free, anchors, begun, distribution, named

TAILS = {anchors: "yolov5", anchor_free: "yolox", distribution: "yolov8"}


def saved(tail, folder, *, names: bool = True):
    net, x = begun()
    tail(net, x)
    path = folder / f"{tail.__name__}.onnx"
    onnx.save(named(net) if names else net.model(), path)
    return path


@pytest.fixture
def picture(tmp_path, rng):
    path = tmp_path / "picture.png"
    Image.fromarray(rng.integers(0, 256, (48, 96, 3), dtype=np.uint8)).save(path)
    return path


@pytest.mark.parametrize("tail", TAILS)
def test_from_file_to_boxes(tmp_path, picture, capfd, tail):
    path, folder, drawn = saved(tail, tmp_path), tmp_path / "build", tmp_path / "drawn.png"
    arguments = ["build", str(path), "--machine", "tiny", "--no-verilog", "-o", str(folder)]
    assert compiler.__main__.main(arguments) == 0
    told = capfd.readouterr().out
    assert "the host computes what follows" in told
    assert "what the host computes is not in them" in told
    assert "computed on the host; from the file in onnxruntime at most" in told
    assert told.endswith(
        f"next: python -m golden run {folder} --image PICTURE --draw boxes.png\n"
    )
    build = read_build(folder)
    assert build.manifest.tail.boxes.layout == TAILS[tail]
    assert build.manifest.tail.boxes.classes == ("cat", "dog", "car")
    assert build.manifest.files.keys() == {"program.bin", "model.onnx", "tail.onnx"}
    run = ["run", str(folder), "--image", str(picture), "--draw", str(drawn), "--score", "0.3"]
    assert golden.__main__.main(run) == 0
    told = capfd.readouterr().out
    assert "ONNX graph, integer network and program agree" in told
    with Image.open(drawn) as image:
        assert image.size == (480, 240)


@pytest.mark.parametrize("tail", TAILS)
def test_boxes_are_those_of_the_models_outputs(tmp_path, picture, tail):
    """What is drawn comes from the machine's memory, letterboxed and back."""
    path, folder = saved(tail, tmp_path), tmp_path / "build"
    arguments = ["build", str(path), "--machine", "tiny", "--no-verilog", "--no-check"]
    assert compiler.__main__.main([*arguments, "-o", str(folder)]) == 0
    build = read_build(folder)
    frame = load_frame(build.manifest, picture)
    assert (frame.placement.top, frame.placement.left) == (16, 0)
    memory = memory_with_picture(build.image, build.manifest, frame.codes)
    GoldenMachine(TINY).run(memory, build.image.program_address)
    found = boxes_on_picture(memory, build.manifest, frame, 0.05, build.tail)
    assert len(found) > 2
    assert names_of_boxes(build.manifest) == ("cat", "dog", "car")
    results = execute.outputs(build.network, execute.run(build.network, frame.codes))
    outputs = model_outputs(Tail(build.tail), results, build.manifest.tail.outputs)
    expected = detections(outputs, build.manifest.tail.boxes, (SIZE, SIZE), 0.05)
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.boxes, frame.placement.to_picture(expected.boxes))


def test_outputs_of_no_known_layout(tmp_path, picture, capfd):
    """No names of classes: [1, 64, 8] could be anything; the outputs are there, boxes are not."""
    path, folder = saved(anchor_free, tmp_path, names=False), tmp_path / "build"
    arguments = ["build", str(path), "--machine", "tiny", "--no-verilog", "-o", str(folder)]
    assert compiler.__main__.main(arguments) == 0
    run = ["run", str(folder), "--image", str(picture)]
    capfd.readouterr()
    assert golden.__main__.main(run) == 0
    assert "[1, 64, 8], computed on the host" in capfd.readouterr().out
    assert golden.__main__.main([*run, "--draw", str(tmp_path / "drawn.png")]) == 2
    assert "of no known layout" in capfd.readouterr().err


def test_a_side_car_says_what_outputs_are(tmp_path, picture, capfd):
    path, folder = saved(anchor_free, tmp_path, names=False), tmp_path / "build"
    side_car = path.with_suffix(".json")
    given = ["build", str(path), "--machine", "tiny", "--no-verilog", "-o", str(folder)]
    side_car.write_text('{"layout": "yolov8", "classes": ["a", "b", "c"]}')
    assert compiler.__main__.main([*given, "--no-check"]) == 0  # 64 rows of 8 places: it may be
    side_car.write_text('{"layout": "end2end"}')
    capfd.readouterr()
    assert compiler.__main__.main(given) == 2
    assert f"{side_car}: output" in capfd.readouterr().err
    side_car.write_text('{"layout": "yolox", "classes": ["a", "b", "c"]}')
    assert compiler.__main__.main([*given, "--no-check"]) == 0
    build = read_build(folder)
    assert build.manifest.tail.boxes.strides == (8,)
    assert load_frame(build.manifest, picture).placement.top == 0  # stretched, if nothing is said
    run = ["run", str(folder), "--image", str(picture), "--draw", str(tmp_path / "drawn.png")]
    assert golden.__main__.main(run) == 0


def test_a_layout_for_a_network_without_a_tail(tmp_path, capfd):
    net, x = begun()
    net.head(x, 8)
    path = net.save(tmp_path)
    path.with_suffix(".json").write_text('{"layout": "yolov8"}')
    given = ["build", str(path), "--machine", "tiny", "--no-verilog", "--no-check"]
    assert compiler.__main__.main([*given, "-o", str(tmp_path / "build")]) == 2
    assert "this network's are raw maps" in capfd.readouterr().err


def test_a_tail_of_another_build_is_noticed(tmp_path):
    folders = []
    for tail in (anchors, distribution):
        folders.append(tmp_path / tail.__name__)
        arguments = ["--machine", "tiny", "--no-verilog", "--no-check", "-o", str(folders[-1])]
        assert compiler.__main__.main(["build", str(saved(tail, tmp_path)), *arguments]) == 0
    (folders[0] / "tail.onnx").write_bytes((folders[1] / "tail.onnx").read_bytes())
    with pytest.raises(BuildError, match=r"tail\.onnx is damaged or of another build"):
        read_build(folders[0])
    (folders[0] / "tail.onnx").unlink()
    with pytest.raises(BuildError, match="not a complete build"):
        read_build(folders[0])


def test_a_build_without_a_tail_takes_an_older_one_away(tmp_path):
    folder = tmp_path / "build"
    arguments = ["--machine", "tiny", "--no-verilog", "--no-check", "-o", str(folder)]
    assert compiler.__main__.main(["build", str(saved(anchors, tmp_path)), *arguments]) == 0
    net, x = begun()
    net.head(x, 8)
    assert compiler.__main__.main(["build", str(net.save(tmp_path)), *arguments]) == 0
    assert not (folder / "tail.onnx").exists()
    assert read_build(folder).tail is None
    assert "tail" not in json.loads((folder / "manifest.json").read_text())


def test_the_tail_takes_what_the_network_gives(tmp_path):
    compiled = compile_file(saved(distribution, tmp_path), TINY)
    runner = Tail(compiled.parts.model.SerializeToString())
    assert list(runner.inputs) == [output.name for output in compiled.network.outputs]


@pytest.mark.parametrize(("task", "known"), [("detect", True), ("pose", True), ("obb", False)])
def test_boxes_of_another_kind_are_not_taken_for_upright_ones(tmp_path, task, known):
    net, x = begun()
    distribution(net, x)
    model = named(net)
    entry = model.metadata_props.add()
    entry.key, entry.value = "task", task
    path = tmp_path / "task.onnx"
    onnx.save(model, path)
    assert (describe_tail(split_file(path), (SIZE, SIZE)).boxes is not None) == known


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{0: 'a', 1: 'b'}", ("a", "b")),
        ("{1: 'b', 0: 'a'}", ("a", "b")),
        ("['a', 'b']", ("a", "b")),
        ("{0: 'a', 2: 'b'}", ()),
        ("{0: 1}", ()),
        ("[1, 2]", ()),
        ("'ab'", ()),
        ("{True: 'a', None: 'b'}", ()),
        ("open('x')", ()),
        ("[" * 1000, ()),
        ("", ()),
    ],
)
def test_names_of_classes(text, names):
    model = onnx.ModelProto()
    entry = model.metadata_props.add()
    entry.key, entry.value = "names", text
    assert class_names(model) == names
