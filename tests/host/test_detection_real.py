"""Box decoding of published networks on real pictures, executed in floating point."""

import re
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from golden.network import Output
from host.description import parse_description
from host.detection import Detections, detect
from host.picture import load_picture
from quant.scoring.metrics import evaluate_boxes

pytestmark = pytest.mark.real

PICTURES = 12
CLASSES = [str(number) for number in range(80)]
YOLOV5N = {
    "classes": CLASSES,
    "outputs": ["326", "370", "414"],
    "strides": [8, 16, 32],
    # github.com/ultralytics/yolov5, models/yolov5n.yaml
    "anchors": [
        [[10, 13], [16, 30], [33, 23]],
        [[30, 61], [62, 45], [59, 119]],
        [[116, 90], [156, 198], [373, 326]],
    ],
    "input": {"fit": "letterbox"},
}


def run(path: Path, codes: np.ndarray) -> dict[str, np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    results = session.run(names, {session.get_inputs()[0].name: codes[None] / np.float32(255)})
    return {name: result[0].astype(float) for name, result in zip(names, results, strict=True)}


def decode(maps: dict[str, np.ndarray], description, floor: float) -> Detections:
    outputs = [
        Output(name=name, tensor=name, scale=np.ones(len(each)), bias=np.zeros(len(each)))
        for name, each in maps.items()
    ]
    return detect(list(maps.values()), outputs, description.head, floor=floor)


def darknet_description(path: Path):
    """A side-car from the darknet layers that a converted model's metadata quotes."""
    layers = {p.key: p.value for p in onnx.load(path).metadata_props if p.key.startswith("head")}
    record = {"classes": CLASSES, "outputs": list(layers), "strides": [], "anchors": []}
    record["scale_xy"] = []
    for name, text in layers.items():
        settings = dict(part.split("=", 1) for part in text.split(";"))
        pairs = np.array(re.findall(r"[\d.]+", settings["anchors"]), float).reshape(-1, 2)
        stride = {"head0": 32, "head1": 16}[name]
        if settings["_t"] == "region":  # YOLOv2 counts anchors in cells
            record |= {"head": "yolov2"}
            pairs = pairs * stride
        else:
            record |= {"head": "yolov3"}
            pairs = pairs[[int(index) for index in settings["mask"].split(",")]]
        record["strides"].append(stride)
        record["anchors"].append(pairs.tolist())
        record["scale_xy"].append(float(settings.get("scale_x_y", 1)))
    return parse_description(record)


def pictures(folder: Path) -> list[Path]:
    return sorted((folder / "coco128" / "images" / "val").glob("*.jpg"))[:PICTURES]


def truth(picture: Path, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes and labels of a picture from its YOLO text file."""
    label = picture.parents[2] / "labels" / picture.parent.name / f"{picture.stem}.txt"
    rows = np.array([line.split() for line in label.read_text().splitlines()], float).reshape(-1, 5)
    centre, size = rows[:, 1:3] * (width, height), rows[:, 3:] * (width, height)
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
    return boxes, rows[:, 0].astype(int)


def test_yolov5_boxes_equal_those_of_the_graph(real_data):
    """The same network was published with its decoding in the graph: no row may differ."""
    models = real_data / "models"
    picture = load_picture(pictures(real_data)[0], height=640, width=640, fit="letterbox")
    description = parse_description(YOLOV5N)
    maps = run(models / "yolov5n_640_fp32_rawheads.onnx", picture.codes)
    graph = run(models / "yolov5n_640_fp32_folded.onnx", picture.codes)["output"]
    scores = graph[:, 4] * graph[:, 5:].max(1)
    found = decode(maps, description, floor=0.3)
    kept = graph[scores >= 0.3]
    boxes = np.concatenate([kept[:, :2] - kept[:, 2:4] / 2, kept[:, :2] + kept[:, 2:4] / 2], 1)
    assert len(found) > 3
    for box, score in zip(found.boxes, found.scores, strict=True):
        same = np.abs(boxes - box).max(1) < 0.05
        assert same.any()
        assert np.abs(scores[scores >= 0.3][same] - score).min() < 1e-3


@pytest.mark.parametrize(
    ("model", "size", "expected"),
    [
        ("yolov5n_640_fp32_rawheads", 640, 0.45),
        ("mnv2nano_coco_fp32", 320, 0.30),
        ("yolo-fastest-1.1_fp32", 320, 0.30),
        ("yololite_coco_fp32", 224, 0.12),
    ],
)
def test_published_networks_find_objects(real_data, model, size, expected):
    """AP50 on a few pictures: far above what a wrong formula or a wrong channel order gives."""
    path = real_data / "models" / f"{model}.onnx"
    v5 = model.startswith("yolov5")
    description = parse_description(YOLOV5N) if v5 else darknet_description(path)
    found, wanted = [], []
    for file in pictures(real_data):
        frame = load_picture(file, height=size, width=size, fit=description.fit)
        each = decode(run(path, frame.codes), description, floor=0.01)
        boxes = frame.placement.to_picture(each.boxes)
        found.append(Detections(boxes=boxes, scores=each.scores, labels=each.labels))
        wanted.append(truth(file, frame.image.width, frame.image.height))
    average = evaluate_boxes(found, wanted, CLASSES).ap50
    print(f"{model}: AP50 {average:.3f} on {PICTURES} pictures")
    assert average > expected
