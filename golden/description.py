"""What an ONNX file does not say about a detector: its side-car ``<model>.json``.

    {"head": "yolov5" | "yolov3" | "yolov2",       (yolov5 where it is left out)
     "classes": ["disc", ...],
     "strides": [8, 16],                            pixels per cell, one for each output
     "anchors": [[[w, h], ...], ...],               pixels of the network's input, for each output
     "outputs": ["detect8", ...],                   optional: which output has which stride
     "scale_xy": 1.0 or [1.1, 1.05],                optional, yolov3 only: YOLOv4's scale_x_y
     "scales": [0.1, ...],                          optional: factor of each output's values
     "merge_anchors": false,                        optional: see below
     "single_object": false,                        optional: see below
     "exclusive": false,                            optional: see below
     "input": {"colour": "rgb" | "bgr",
               "scale": "1/255",                    value of code 1: a number or a fraction
               "fit": "stretch" | "letterbox"}}

Other keys are left to whoever wrote them. ``scales`` are for networks of integers only, whose
outputs are in units that ONNX cannot say. ``exclusive`` says that a place has one class: of boxes
that overlap, the best stays whatever their classes. ``merge_anchors`` averages the boxes and
scores of a cell's anchors, and ``single_object`` keeps one box a picture: both for detectors such
as UltraNet, whose six anchors are equal and vote (github.com/heheda365/ultra_net,
``model/pc_test.py``).
"""

import json
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from arch.errors import OnefourError

HEADS = ("yolov5", "yolov3", "yolov2")
COLOURS = ("rgb", "bgr")
FITS = ("stretch", "letterbox")


class DescriptionError(OnefourError):
    """A side-car file that cannot be read or does not describe a detector."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Head:
    """How the output maps are to be read.

    ``anchors``: for each output float64 [anchors, 2], width and height in input pixels. ``outputs``
    names the outputs in the order of ``strides`` (empty: the order of the network);
    ``scale_xy`` and ``scales`` have a factor for each output (empty: 1).
    """

    kind: str
    classes: tuple[str, ...]
    strides: tuple[int, ...]
    anchors: tuple[np.ndarray, ...]
    outputs: tuple[str, ...] = ()
    scale_xy: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    merge_anchors: bool = False
    single_object: bool = False
    exclusive: bool = False

    def channels(self, index: int) -> int:
        """Channels of output ``index``: x, y, w, h, objectness and classes for each anchor."""
        return len(self.anchors[index]) * (5 + len(self.classes))


@dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """A side-car: the head, and how a picture becomes the network's input."""

    head: Head
    colour: str = "rgb"
    scale: float = 1 / 255
    fit: str = "stretch"


def side_car(model: Path) -> Path:
    """Where the description of an ONNX file is looked for."""
    return model.with_suffix(".json")


def read_description(path: Path) -> Description:
    """Read a side-car file; :class:`DescriptionError` says what is wrong with it."""
    try:
        record = json.loads(path.read_text())
    except OSError as error:
        raise DescriptionError(
            f"{path}: cannot be read ({error.strerror}); boxes need the classes, strides and "
            f"anchors of the network in this file"
        ) from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DescriptionError(f"{path}: not JSON ({error})") from None
    try:
        return parse_description(record)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from None


def parse_description(record: object) -> Description:
    """Build a description from a parsed side-car; raises :class:`DescriptionError`."""
    if not isinstance(record, dict):
        raise DescriptionError(f"must be an object, not {type(record).__name__}")
    source = record.get("input", {})
    if not isinstance(source, dict):
        raise DescriptionError(f"'input' must be an object, not {source!r}")
    colour = source.get("colour", source.get("channels", "rgb"))
    return Description(
        head=_head(record),
        colour=_choice("input.colour", str(colour).lower(), COLOURS),
        scale=_number("input.scale", source.get("scale", "1/255")),
        fit=_choice("input.fit", source.get("fit", "stretch"), FITS),
    )


def _head(record: dict) -> Head:
    for key in ("classes", "strides", "anchors"):
        if not isinstance(record.get(key), list) or not record[key]:
            raise DescriptionError(f"'{key}' must be a list with entries, not {record.get(key)!r}")
    strides = tuple(int(_number("strides", stride)) for stride in record["strides"])
    try:
        anchors = tuple(np.asarray(scale, np.float64) for scale in record["anchors"])
    except (TypeError, ValueError):
        anchors = ()
    if not anchors or any(
        scale.ndim != 2 or scale.shape[1] != 2 or not (scale > 0).all() for scale in anchors
    ):
        raise DescriptionError(
            "'anchors' must be a list for each output of [width, height] pairs of positive numbers"
        )
    if len(anchors) != len(strides):
        raise DescriptionError(
            f"'anchors' has {len(anchors)} lists and 'strides' {len(strides)} entries: both need "
            f"one for each output"
        )
    scale_xy = record.get("scale_xy", 1.0)
    if not isinstance(scale_xy, list):
        scale_xy = [scale_xy] * len(strides)
    scales = record.get("scales", [])
    if not isinstance(scales, list) or len(scales) not in (0, len(strides)):
        raise DescriptionError(
            f"'scales' must be a list with one number for each of the {len(strides)} outputs, not "
            f"{scales!r}"
        )
    outputs = tuple(str(name) for name in record.get("outputs", ()))
    if len(scale_xy) != len(strides):
        raise DescriptionError(f"'scale_xy' has {len(scale_xy)} entries, 'strides' {len(strides)}")
    if outputs and len(outputs) != len(strides):
        raise DescriptionError(f"'outputs' names {len(outputs)} outputs, 'strides' {len(strides)}")
    return Head(
        kind=_choice("head", record.get("head", "yolov5"), HEADS),
        classes=tuple(str(name) for name in record["classes"]),
        strides=strides,
        anchors=anchors,
        outputs=outputs,
        scale_xy=tuple(_number("scale_xy", factor) for factor in scale_xy),
        scales=tuple(_number("scales", factor) for factor in scales),
        merge_anchors=bool(record.get("merge_anchors", False)),
        single_object=bool(record.get("single_object", False)),
        exclusive=bool(record.get("exclusive", False)),
    )


def _choice(key: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise DescriptionError(f"'{key}' must be one of {', '.join(known)}, not {value!r}")
    return str(value)


def _number(key: str, value: object) -> float:
    """A positive number, or one written as a fraction."""
    try:
        number = float(Fraction(value)) if isinstance(value, str) else float(value)
    except (TypeError, ValueError, ZeroDivisionError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise DescriptionError(f"'{key}' must be a positive number, not {value!r}")
    return number
