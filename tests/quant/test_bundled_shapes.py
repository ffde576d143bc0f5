"""The bundled network finds shapes about as well as its record says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from quant.detection import average_precision, detect
from quant.plain_onnx import PlainRunner
from quant.render import CLASSES, Picture, render

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "shapes"
PICTURES = 100


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((FOLDER / "shapes.json").read_text())


@pytest.fixture(scope="module")
def runner() -> PlainRunner:
    return PlainRunner(FOLDER / "shapes.onnx")


def score(runner: PlainRunner, record: dict, pictures: list[Picture]) -> float:
    settings = record["evaluation"]
    found = [
        detect(
            [m[0] for m in runner(p.pixels)],
            record["strides"],
            record["anchors"],
            settings["score_floor"],
            settings["nms_iou"],
        )
        for p in pictures
    ]
    return average_precision(found, [(p.boxes, p.labels) for p in pictures], len(CLASSES))[0]


def test_record_names_what_the_network_has(record, runner):
    assert record["classes"] == list(CLASSES)
    outputs = runner.session.get_outputs()
    assert [o.name for o in outputs] == record["outputs"]
    for output, stride, anchors in zip(outputs, record["strides"], record["anchors"], strict=True):
        cells = record["input"]["height"] // stride
        assert output.shape == [1, len(anchors) * (5 + len(CLASSES)), cells, cells]


def test_average_precision_is_as_recorded(record, runner):
    pictures = [render(record["evaluation"]["seed"], index) for index in range(PICTURES)]
    # A tenth of the recorded evaluation's pictures: about 0.02 of sampling error.
    assert score(runner, record, pictures) == pytest.approx(record["ap50"], abs=0.05)


@pytest.mark.parametrize("index", range(3))
def test_sample_pictures_are_the_unseen_ones(record, index):
    settings = record["evaluation"]
    picture = render(settings["seed"], settings["samples"][index])
    path = FOLDER / f"picture{index}.png"
    # A sine's last bit differs between processors and may move a pixel by one.
    np.testing.assert_allclose(np.array(Image.open(path), int), picture.pixels, atol=1)
    assert path.stat().st_size < 60_000
    rows = np.loadtxt(path.with_suffix(".txt"), ndmin=2)
    assert rows[:, 0].tolist() == picture.labels.tolist()
    size = picture.pixels.shape[0]
    centres = (picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2
    np.testing.assert_allclose(rows[:, 1:3] * size, centres, atol=1e-3)
