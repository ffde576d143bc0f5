"""``python -m golden score``: models, integer networks and builds on labelled pictures."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from PIL import Image

pytest.importorskip("pycocotools")
pytest.importorskip("yaml")

import compiler.__main__
import golden.__main__
from quant.data.render import CLASSES, render
from quant.data.render_dataset import SPLITS
from quant.scoring import kept
from quant.scoring.subjects import as_program, in_integers, in_runtime
from tests.samples import tails
from tests.samples.float_net import FloatNet, pictures_in

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "shapes"
COUNT = 4


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ONEFOUR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def data(tmp_path) -> Path:
    """Pictures that the bundled network has never seen, with their labels."""
    for part in ("images", "labels"):
        (tmp_path / part).mkdir()
    for index in range(COUNT):
        picture = render(SPLITS["test"][1], index)
        height, width = picture.pixels.shape[:2]
        Image.fromarray(picture.pixels).save(tmp_path / "images" / f"{index}.png")
        size = np.array([width, height])
        rows = [
            (label, *((box[:2] + box[2:]) / 2 / size), *((box[2:] - box[:2]) / size))
            for box, label in zip(np.asarray(picture.boxes, float), picture.labels, strict=True)
        ]
        text = "\n".join(" ".join(map(str, row)) for row in rows)
        (tmp_path / "labels" / f"{index}.txt").write_text(text)
    path = tmp_path / "data.yaml"
    path.write_text(f"train: images\nval: images\nnames: {list(CLASSES)}\n")
    return path


def run(*arguments: object) -> int:
    return golden.__main__.main(["score", *map(str, arguments)])


def test_a_program_scores_as_its_network(tmp_path, data, capfd):
    build = tmp_path / "build"
    given = ["build", str(EXAMPLE / "shapes.onnx"), "--machine", "tiny", "--no-check"]
    assert compiler.__main__.main([*given, "--no-verilog", "-o", str(build)]) == 0
    record, page = tmp_path / "measured.json", tmp_path / "page.md"
    page.write_text("Before.\n<!-- begin measured -->\n<!-- end measured -->\nAfter.\n")
    given = ["--data", data, "--record", record, "--page", page]
    assert run(EXAMPLE / "shapes.onnx", build, *given) == 0
    told = json.loads(record.read_text())
    rows = told["rows"]
    # QONNX, which onnxruntime cannot execute.
    assert [row["executed by"] for row in rows] == ["integer network", "program, tiny"]
    assert rows[0]["ap50"] == rows[1]["ap50"] > 0.8
    assert rows[0]["ap"] == rows[1]["ap"]
    assert (told["pictures"], told["split"]) == (COUNT, "val")
    assert "pycocotools" in told["tools"]
    written = page.read_text().splitlines()
    assert written[2] == "| network | executed by | AP50 | AP | AP50 lost |"
    assert written[4].startswith("| shapes | integer network | ")
    assert written[5].startswith("| shapes | program, tiny | ")
    assert written[5].endswith(" | 0.0 |")
    assert (written[0], written[-1]) == ("Before.", "After.")
    *_, heading, first, second, last = capfd.readouterr().out.splitlines()
    assert heading.split() == ["network", "executed", "by", "AP50", "AP", "AP50", "lost", "s"]
    assert first.split()[1:3] == ["integer", "network"]
    assert second.split()[1:3] == ["program,", "tiny"]
    assert last == f"{COUNT} pictures of {data} (val)"


def test_what_was_found_is_kept(data, cache, monkeypatch, capfd):
    """A run that was stopped goes on with the next picture."""
    looked = []

    def look(subject, picture):
        looked.append(picture.name)
        if len(looked) == 3:
            raise KeyboardInterrupt
        return found(subject, picture)

    found = kept.look
    monkeypatch.setattr(kept, "look", look)
    assert run(EXAMPLE / "shapes.onnx", "--data", data) == 130
    assert run(EXAMPLE / "shapes.onnx", "--data", data) == 0
    assert looked == ["0.png", "1.png", "2.png", "2.png", "3.png"]
    first = capfd.readouterr().out
    # What cannot be read is found again.
    damaged = sorted(cache.rglob("*.json"))[0]
    damaged.write_text("[")
    assert run(EXAMPLE / "shapes.onnx", "--data", data) == 0
    assert len(looked) == 6
    again = capfd.readouterr().out
    columns = [[line.split()[:5] for line in text.splitlines()[:2]] for text in (first, again)]
    assert columns[0] == columns[1]


def described(tmp_path, name="described", **more) -> Path:
    path = tmp_path / f"{name}.json"
    anchors = [[[20, 20]], [[40, 40]]]
    record = {"classes": list(CLASSES), "strides": [2, 4], "anchors": anchors, **more}
    path.write_text(json.dumps(record))
    return path


def detector(tmp_path) -> Path:
    """A network that was never trained, with a coarse and a fine map, the coarse one first."""
    net = FloatNet(shape=(1, 3, 32, 32))
    channels = 5 + len(CLASSES)
    x = net.relu(net.conv("x", 8, 3, strides=[2, 2]))
    y = net.relu(net.conv(x, 8, 8, strides=[2, 2]))
    net.outputs += [net.conv(y, channels, 8, 1), net.conv(x, channels, 8, 1)]
    return net.save(tmp_path)


def test_runtime_and_integers_compute_the_same(tmp_path, data, cache):
    model, told = detector(tmp_path), described(tmp_path)
    pictures = pictures_in(tmp_path / "calibration", size=32)
    target = tmp_path / "w4a4.onnx"
    given = ["--data", pictures, "-o", target, "--weights", 4, "--acts", 4]
    assert compiler.__main__.main(["quantize", *map(str, [model, *given])]) == 0
    assert run(model, target, "--data", data, "--description", told, "--integers") == 0
    # The float network has no integers.
    assert [len(list(folder.iterdir())) for folder in cache.iterdir()] == [COUNT] * 3
    first, second = in_runtime(target, told, 1), in_integers(target, told)
    assert first.digest != second.digest
    codes = np.asarray(Image.open(pictures / "0.png")).transpose(2, 0, 1).copy()
    one, other = first.run(codes), second.run(codes)
    assert one.keys() == other.keys()
    for name, value in one.items():
        assert np.abs(value - other[name]).max() < 1e-5 * np.abs(value).max()


def test_a_model_with_its_own_tail(tmp_path, data, cache):
    """No side-car: what its outputs are is recognised, and the host computes them for a build."""
    net, x = tails.begun()
    tails.distribution(net, x)
    path = tmp_path / "tailed.onnx"
    onnx.save(tails.named(net), path)
    build = tmp_path / "tailed"
    given = ["build", str(path), "--machine", "tiny", "--no-check", "--no-verilog"]
    assert compiler.__main__.main([*given, "-o", str(build)]) == 0
    subjects = [in_runtime(path, None, 1), in_integers(path, None), as_program(build, None)]
    codes = np.asarray(Image.open(pictures_in(tmp_path, 1, size=64) / "0.png"))
    codes = codes.transpose(2, 0, 1).copy()
    for subject in subjects:
        assert subject.decoding.boxes.layout == "yolov8"
        assert subject.decoding.fit == "letterbox"
    # onnxruntime's float32 decides ties of 4-bit codes otherwise.
    runtime, integers, machine = (subject.run(codes) for subject in subjects)
    assert runtime.keys() == integers.keys() == machine.keys()
    for name, value in integers.items():
        assert (machine[name] == value).all()
        assert runtime[name].shape == value.shape
    # Three classes there, two here.
    assert len(CLASSES) != tails.CLASSES
    assert run(path, "--data", data) == 2


def test_messages(tmp_path, data, capfd):
    model = detector(tmp_path)
    cases = [
        ([model], "what its outputs mean is not known; name a side-car"),
        ([tmp_path / "none.onnx"], "none.onnx: cannot be read"),
        ([model, "--description", described(tmp_path, "few", classes=["one"])],
         "small: has 1 classes, "),
        ([model, "--description", described(tmp_path, "other", strides=[2, 16])],
         "stride 16 needs one output of shape [10, 2, 2]; the network has t4 [10, 8, 8]"),
        ([EXAMPLE / "shapes.onnx", "--split", "test"], "has no split 'test'"),
    ]  # fmt: skip
    for arguments, message in cases:
        assert run(*arguments, "--data", data) == 2
        assert message in capfd.readouterr().err
