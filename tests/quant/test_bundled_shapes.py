"""The bundled network finds shapes about as well as its record says."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pycocotools")

from compiler.frontend.pipeline import read_network
from golden.execute import run
from golden.network import Network
from host.description import parse_description
from host.detection import detect
from quant.data.render import CLASSES, Picture, render
from quant.data.render_dataset import SPLITS
from quant.scoring.metrics import evaluate_boxes

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "shapes"
PICTURES = 100
#: The split of unseen pictures, and how quant.scoring.evaluate decodes what the network says of
#: them.
UNSEEN = SPLITS["test"][1]
FLOOR, OVERLAP = 0.001, 0.6
#: Which of them are beside the network.
SAMPLES = (3, 9, 10)


@pytest.fixture(scope="module")
def record() -> dict:
    return json.loads((FOLDER / "shapes.json").read_text())


@pytest.fixture(scope="module")
def network() -> Network:
    return read_network(FOLDER / "shapes.onnx")


def codes(picture: Picture) -> np.ndarray:
    return np.ascontiguousarray(picture.pixels.transpose(2, 0, 1))


def score(network: Network, record: dict, pictures: list[Picture]) -> float:
    head = parse_description(record).head
    found = []
    for picture in pictures:
        results = run(network, codes(picture))
        sums = [results[output.tensor] for output in network.outputs]
        found.append(detect(sums, network.outputs, head, floor=FLOOR, overlap=OVERLAP))
    return evaluate_boxes(found, [(p.boxes, p.labels) for p in pictures], CLASSES).ap50


def test_side_car_describes_what_the_network_has(record, network):
    results = run(network, codes(render(UNSEEN, 0)))
    assert record["classes"] == list(CLASSES)
    assert [output.name for output in network.outputs] == record["outputs"]
    for output, stride, anchors in zip(
        network.outputs, record["strides"], record["anchors"], strict=True
    ):
        cells = 160 // stride
        assert results[output.tensor].shape == (len(anchors) * (5 + len(CLASSES)), cells, cells)


def test_average_precision_is_as_recorded(record, network):
    training = record["training"]
    assert (training["split"], training["pictures"]) == ("test", SPLITS["test"][0])
    assert training["ap50"] >= 0.9
    pictures = [render(UNSEEN, index) for index in range(PICTURES)]
    # A tenth of the recorded evaluation's pictures: about 0.02 of sampling error.
    assert score(network, record, pictures) == pytest.approx(training["ap50"], abs=0.05)


def test_small(record):
    assert (FOLDER / "shapes.onnx").stat().st_size < 300_000
    assert record["training"]["bits"] == ["W1A1", "W4A4", "W4A8"]


@pytest.mark.parametrize("index", range(3))
def test_sample_pictures_are_the_unseen_ones(index):
    picture = render(UNSEEN, SAMPLES[index])
    path = FOLDER / f"picture{index}.png"
    # A sine's last bit differs between processors and may move a pixel by one.
    np.testing.assert_allclose(np.array(Image.open(path), int), picture.pixels, atol=1)
    assert path.stat().st_size < 60_000
    rows = np.loadtxt(path.with_suffix(".txt"), ndmin=2)
    assert rows[:, 0].tolist() == picture.labels.tolist()
    size = picture.pixels.shape[0]
    centres = (picture.boxes[:, :2] + picture.boxes[:, 2:]) / 2
    np.testing.assert_allclose(rows[:, 1:3] * size, centres, atol=1e-3)
