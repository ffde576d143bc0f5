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

or, for a model whose own outputs hold boxes (``host.layouts``), where those do not tell it:

    {"layout": "yolov5" | "yolov8" | "yolox" | "end2end" | "batched" | "ssd",
     "classes": ["disc", ...],                      optional: names
     "output": "boxes",                             optional where the model has one output
     "scores": "scores",                            ssd only: the output of the scores
     "input": {...}}

Other keys are left to whoever wrote them. ``scales`` are for networks of integers only, whose
outputs are in units that ONNX cannot say. ``exclusive`` says that a place has one class: of boxes
that overlap, the best stays whatever their classes. ``merge_anchors`` averages the boxes and
scores of a cell's anchors, and ``single_object`` keeps one box a picture: both for detectors such
as UltraNet, whose six anchors are equal and vote (github.com/heheda365/ultra_net,
``model/pc_test.py``).
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from arch.errors import OnefourError

HEADS = ("yolov5", "yolov3", "yolov2")
LAYOUTS = ("yolov5", "yolov8", "yolox", "end2end", "batched", "ssd")
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
class Table:
    """Where boxes stand in a model's own outputs: ``host.layouts``. ``output`` "": the only one."""

    layout: str
    classes: tuple[str, ...] = ()
    output: str = ""
    scores: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Description:
    """A side-car: the head or the table, and how a picture becomes the network's input."""

    head: Head | None = None
    table: Table | None = None
    colour: str = "rgb"
    scale: float = 1 / 255
    fit: str = "stretch"


def side_car(model: Path) -> Path:
    """Where the description of an ONNX file is looked for."""
    return model.with_suffix(".json")


def read_record(path: Path) -> dict:
    """A side-car file as it stands, once it is known to describe a detector.

    Raises :class:`DescriptionError`, which says what is wrong with it.
    """
    if path.exists() and not path.is_file():
        raise DescriptionError(f"{path}: is not a file; the detection description is read from it")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DescriptionError(
            f"{path}: cannot be read ({error.strerror}); boxes need the classes, strides and "
            f"anchors of the network in this file"
        ) from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else error
        raise DescriptionError(
            f"{path}: not JSON ({reason}); mend it, or remove it if the model is no detector"
        ) from None
    try:
        parse_description(record)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from None
    return record


def read_description(path: Path) -> Description:
    """Read a side-car file; :class:`DescriptionError` says what is wrong with it."""
    return parse_description(read_record(path))


def read_head(path: Path) -> Description:
    """The same for a network of raw maps, which only a head describes."""
    found = read_description(path)
    if found.head is None:
        raise DescriptionError(
            f"{path}: 'layout' is about the model's own outputs; raw maps need 'head', 'strides' "
            "and 'anchors'"
        )
    return found


def parse_description(record: object) -> Description:
    """Build a description from a parsed side-car; raises :class:`DescriptionError`."""
    if not isinstance(record, dict):
        raise DescriptionError(f"must be an object, not {type(record).__name__}")
    source = record.get("input", {})
    if not isinstance(source, dict):
        raise DescriptionError(f"'input' must be an object, not {shown(source)}")
    colour = source.get("colour", source.get("channels", "rgb"))
    tabled = "layout" in record
    return Description(
        head=None if tabled else _head(record),
        table=_table(record) if tabled else None,
        colour=_choice("input.colour", str(colour).lower(), COLOURS),
        scale=_number("input.scale", source.get("scale", "1/255")),
        fit=_choice("input.fit", source.get("fit", "stretch"), FITS),
    )


def shown(value: object) -> str:
    """A value of the file for a message, not longer than a line."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _table(record: dict) -> Table:
    for key in ("head", "strides", "anchors"):
        if key in record:
            raise DescriptionError(
                f"'layout' is about the model's own outputs and '{key}' about raw maps: give one"
            )
    for key in ("output", "scores"):
        if not isinstance(record.get(key, ""), str):
            raise DescriptionError(f"'{key}' must be a name, not {shown(record[key])}")
    return Table(
        layout=_choice("layout", record["layout"], LAYOUTS),
        classes=_texts("classes", record.get("classes", [])),
        output=record.get("output", ""),
        scores=record.get("scores", ""),
    )


def _head(record: dict) -> Head:
    for key in ("classes", "strides", "anchors"):
        if not isinstance(record.get(key), list) or not record[key]:
            raise DescriptionError(
                f"'{key}' must be a list with entries, not {shown(record.get(key))}"
            )
    strides = tuple(_whole("strides", stride) for stride in record["strides"])
    anchors = tuple(_anchors(pairs) for pairs in record["anchors"])
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
            f"{shown(scales)}"
        )
    outputs = _texts("outputs", record.get("outputs", []))
    if len(scale_xy) != len(strides):
        raise DescriptionError(f"'scale_xy' has {len(scale_xy)} entries, 'strides' {len(strides)}")
    if outputs and len(outputs) != len(strides):
        raise DescriptionError(f"'outputs' names {len(outputs)} outputs, 'strides' {len(strides)}")
    return Head(
        kind=_choice("head", record.get("head", "yolov5"), HEADS),
        classes=_texts("classes", record["classes"]),
        strides=strides,
        anchors=anchors,
        outputs=outputs,
        scale_xy=tuple(_number("scale_xy", factor) for factor in scale_xy),
        scales=tuple(_number("scales", factor) for factor in scales),
        merge_anchors=_flag(record, "merge_anchors"),
        single_object=_flag(record, "single_object"),
        exclusive=_flag(record, "exclusive"),
    )


def _choice(key: str, value: object, known: tuple[str, ...]) -> str:
    if value not in known:
        raise DescriptionError(f"'{key}' must be one of {', '.join(known)}, not {shown(value)}")
    return str(value)


def _flag(record: dict, key: str) -> bool:
    value = record.get(key, False)
    if not isinstance(value, bool):
        raise DescriptionError(f"'{key}' must be true or false, not {shown(value)}")
    return value


def _texts(key: str, values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise DescriptionError(f"'{key}' must be a list of names, not {shown(values)}")
    return tuple(values)


def _anchors(pairs: object) -> np.ndarray:
    """Width and height of each anchor of one output: float64 [anchors, 2]."""
    if isinstance(pairs, list) and pairs and all(isinstance(p, list) for p in pairs):
        values = [[_number("anchors", side) for side in pair] for pair in pairs]
        if all(len(pair) == 2 for pair in values):
            return np.array(values, np.float64)
    raise DescriptionError(
        f"'anchors' must be a list for each output of [width, height] pairs of positive numbers, "
        f"not {shown(pairs)}"
    )


def _whole(key: str, value: object) -> int:
    number = _number(key, value)
    if number != int(number):
        raise DescriptionError(f"'{key}' must be whole numbers, not {shown(value)}")
    return int(number)


def _number(key: str, value: object) -> float:
    """A positive number, or one written as a fraction."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        above, _, below = str(value).partition("/")
        number = float(above) / (float(below) if below else 1.0)
    except (ValueError, ZeroDivisionError):
        number = 0.0
    if not 0 < number < float("inf"):
        raise DescriptionError(f"'{key}' must be a positive number, not {shown(value)}")
    return number
