"""Boxes in the outputs that detectors are exported with: which layout it is, and how it is read.

With C classes and n places (all cells of all maps, for each anchor):

* ``yolov5`` [1, n, 5 + C]: centre and size in pixels, objectness, classes (v5, v7)
* ``yolov8`` [1, 4 + C, n]: centre and size in pixels, classes (v5u, v6, v8, v9, v11, v12)
* ``yolox`` [1, n, 5 + C]: centre in cells from the own one, logarithm of the size in cells,
  objectness, classes
* ``end2end`` [1, n, 6]: corners in pixels, score, class; suppressed (v10, v26, ``nms=True``)
* ``batched`` [n, 7]: picture, corners in pixels, class, score; suppressed (v7)
* ``ssd`` [1, n, 4] and [1, n, 1 + C]: corners as parts of the picture's size; no class, classes

What follows the classes in the first two are coefficients of masks, where another output is that
of as many ``prototypes`` [1, K, h, w]; else (key points) it is left.

Scores are probabilities. ``recognised`` names a layout only where the shapes leave no doubt about
it; for others the side-car does (``host.description``).
"""

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import Literal

import numpy as np
from msgspec import Struct

from host.description import LAYOUTS, DescriptionError, Table
from host.detection import OVERLAP_LIMIT, Detections, suppress

Layout = Literal[LAYOUTS]
STRIDES = (4, 8, 16, 32, 64, 128)
MOST_LEFT = 1000
"""Rows of a suppressed list; exporters have 100 to 300."""


class Boxes(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Where a model's outputs hold boxes: ``output``, and ``scores`` where those stand apart.

    ``prototypes``: the output of those, where what was found has masks. ``strides``: of the maps of
    ``yolox``, in its order. ``fit``: how pictures were brought to size.
    """

    layout: Layout
    output: str
    scores: str = ""
    prototypes: str = ""
    classes: tuple[str, ...] = ()
    strides: tuple[int, ...] = ()
    fit: Literal["stretch", "letterbox"] = "stretch"


def cells(size: tuple[int, int], strides: tuple[int, ...]) -> int:
    """Number of cells of the maps of a picture of ``size`` height and width."""
    height, width = size
    return sum((-(-height // s)) * (-(-width // s)) for s in strides)


def strides_of(size: tuple[int, int], count: float) -> tuple[int, ...]:
    """The strides of neighbouring maps that have ``count`` cells together; () where none do."""
    runs = (STRIDES[a:b] for a, b in combinations(range(len(STRIDES) + 1), 2))
    return next((run for run in runs if cells(size, run) == count), ())


def recognised(
    shapes: Mapping[str, tuple[int, ...]],
    size: tuple[int, int],
    classes: tuple[str, ...] = (),
    *,
    decoded: bool = True,
    fit: Literal["stretch", "letterbox"] = "stretch",
) -> Boxes | None:
    """The layout of a model's outputs; None where their shapes do not tell.

    ``shapes``: of its outputs, 0 for what is not fixed; ``size``: height and width of the picture;
    ``classes``: their names, () if unknown; ``decoded``: whether its tail adds places, without
    which no output is in pixels.
    """
    found = [
        Boxes(
            layout=layout, output=name, prototypes=prototypes_of(layout, shape, shapes, classes),
            classes=classes, strides=strides, fit=fit,
        )
        for name, shape in shapes.items()
        for layout, strides in layouts_of(shape, size, len(classes), decoded=decoded)
    ]
    return found[0] if len(found) == 1 else None


def prototypes_of(
    layout: Layout,
    shape: tuple[int, ...],
    shapes: Mapping[str, tuple[int, ...]],
    classes: tuple[str, ...],
) -> str:
    """The output of the prototypes that fit what follows the classes in an output; "" for none.

    ``classes``: their names; without them it is not known where the classes end.
    """
    if layout not in ("yolov5", "yolov8") or not classes:
        return ""
    count = shape[2] - 5 if layout == "yolov5" else shape[1] - 4
    wanted = count - len(classes)
    fit = [
        name
        for name, other in shapes.items()
        if wanted > 0 and len(other) == 4 and other[1] == wanted and min(other) > 0
    ]
    return fit[0] if len(fit) == 1 else ""


def described(
    shapes: Mapping[str, tuple[int, ...]], size: tuple[int, int], table: Table
) -> Boxes:
    """What a side-car says about a model's outputs, whose ``shapes`` are known (0: not fixed).

    :class:`DescriptionError` where it does not fit them.
    """
    names = ", ".join(shapes)
    output = table.output or (next(iter(shapes)) if len(shapes) == 1 else "")
    for name in (output, *filter(None, [table.scores])):
        if name not in shapes:
            raise DescriptionError(
                f"'output' and 'scores' must be outputs of the model, which are {names}, "
                f"not {name or 'left out'}"
            )
    if (table.layout == "ssd") != bool(table.scores):
        raise DescriptionError("'scores' names the output of the scores of ssd, and of no other")
    shape = shapes[output]
    strides = strides_of(size, shape[1]) if table.layout == "yolox" and len(shape) == 3 else ()
    if not fits(shape, table) or (table.layout == "yolox" and not strides):
        raise DescriptionError(
            f"output '{output}' has shape {list(shape)}, which is not that of {table.layout} "
            f"with {len(table.classes)} classes and a picture of {size[0]} x {size[1]}"
        )
    return Boxes(
        layout=table.layout, output=output, scores=table.scores, classes=table.classes,
        strides=strides,
    )  # fmt: skip


def fits(shape: tuple[int, ...], table: Table) -> bool:
    """Whether an output may be of a layout; sizes that are not fixed fit."""
    count = len(table.classes)
    match table.layout:
        case "batched":
            return len(shape) == 2 and shape[1] in (0, 7)
        case "ssd":
            return len(shape) == 3 and shape[2] in (0, 4)
        case "end2end":
            return len(shape) == 3 and shape[2] in (0, 6)
        case "yolov8":
            return len(shape) == 3 and (shape[1] == 0 or shape[1] >= 4 + max(count, 1))
    return len(shape) == 3 and (shape[2] == 0 or shape[2] >= 5 + max(count, 1))


def layouts_of(
    shape: tuple[int, ...], size: tuple[int, int], classes: int, *, decoded: bool
) -> Iterator[tuple[Layout, tuple[int, ...]]]:
    """Every layout that one output may have, and the strides where those are needed to decode it.

    ``classes``: 0 if unknown.
    """
    if shape == (0, 7):
        yield "batched", ()
    if len(shape) != 3 or shape[0] != 1:
        return
    _, rows, columns = shape
    single = strides_of(size, rows)
    # Without names, 5 + C columns of one place a cell could as well be 4 + C.
    if single and classes and columns == 5 + classes:
        yield ("yolov5", ()) if decoded else ("yolox", single)
    if not single and strides_of(size, rows / 3) and decoded and columns >= 5 + max(classes, 1):
        yield "yolov5", ()
    if strides_of(size, columns) and decoded and rows >= 4 + max(classes, 1):
        yield "yolov8", ()
    # Transformers give as many queries, with four numbers and the classes.
    if columns == 6 and 0 < rows <= MOST_LEFT and not strides_of(size, rows) and classes != 2:
        yield "end2end", ()


def detections(
    outputs: Mapping[str, np.ndarray],
    boxes: Boxes,
    size: tuple[int, int],
    floor: float,
    overlap: float = OVERLAP_LIMIT,
) -> Detections:
    """Boxes that score at least ``floor``, in pixels of the network's input of ``size``."""
    table = outputs[boxes.output].astype(np.float64)
    match boxes.layout:
        case "end2end" | "batched":
            rows = table.reshape(-1, table.shape[-1])
            if boxes.layout == "batched":
                rows = rows[:, [1, 2, 3, 4, 6, 5]]
            kept = np.flatnonzero(rows[:, 4] >= floor)
            kept = kept[np.argsort(-rows[kept, 4], kind="stable")]
            return Detections(
                boxes=rows[kept, :4], scores=rows[kept, 4], labels=rows[kept, 5].astype(np.int64)
            )
        case "ssd":
            scores = outputs[boxes.scores].astype(np.float64)[0, :, 1:]
            height, width = size
            return best(table[0] * [width, height, width, height], scores, floor, overlap)
        case "yolov8":
            rows, last = table[0].T, end(boxes, 4)
            more = rows[:, last:] if boxes.prototypes else None
            return best(corners(rows[:, :4]), rows[:, 4:last], floor, overlap, more)
    rows, last = table[0], end(boxes, 5)
    places = rows[:, :4]
    if boxes.layout == "yolox":
        places = from_cells(places, size, boxes.strides)
    more = rows[:, last:] if boxes.prototypes else None
    return best(corners(places), rows[:, 4:5] * rows[:, 5:last], floor, overlap, more)


def end(boxes: Boxes, first: int) -> int | None:
    """The column behind the classes' scores; None for all."""
    return first + len(boxes.classes) if boxes.classes else None


def corners(places: np.ndarray) -> np.ndarray:
    """Corners [n, 4] of boxes given by centre and size."""
    centre, half = places[:, :2], places[:, 2:] / 2
    return np.concatenate([centre - half, centre + half], 1)


def from_cells(places: np.ndarray, size: tuple[int, int], strides: tuple[int, ...]) -> np.ndarray:
    """Centre and size in pixels of boxes [n, 4] that are told in cells, map after map."""
    height, width = size
    grids, steps = [], []
    for stride in strides:
        y, x = np.mgrid[: -(-height // stride), : -(-width // stride)]
        grids.append(np.stack([x.reshape(-1), y.reshape(-1)], 1))
        steps.append(np.full((y.size, 1), float(stride)))
    grid, step = np.concatenate(grids), np.concatenate(steps)
    return np.concatenate([(places[:, :2] + grid) * step, np.exp(places[:, 2:]) * step], 1)


def best(
    corners: np.ndarray,
    scores: np.ndarray,
    floor: float,
    overlap: float,
    coefficients: np.ndarray | None = None,
) -> Detections:
    """The best class of each place, where it reaches ``floor``; then suppressed by class."""
    label = scores.argmax(1)
    score = scores[np.arange(len(scores)), label]
    kept = np.flatnonzero(score >= floor)
    more = None if coefficients is None else coefficients[kept]
    found = Detections(
        boxes=corners[kept], scores=score[kept], labels=label[kept], coefficients=more
    )
    return suppress(found, overlap)
