"""From the raw sums of a detector's last convolutions to boxes.

An output map has ``anchors * (5 + classes)`` channels: for each anchor x, y, w, h, objectness and
the classes. With t a channel's value, s its sigmoid, g the cell and a the anchor in pixels:

* ``yolov5`` (v5, v7): centre = (2 s - 0.5 + g) * stride, size = (2 s)^2 * a; class = sigmoid
* ``yolov3`` (v3, v4): centre = (k s - (k - 1) / 2 + g) * stride, k = scale_xy; size = exp(t) * a;
  class = sigmoid
* ``yolov2``: as yolov3 with k = 1; class = softmax

score = objectness * class, or objectness alone where there is one class (its class output is then
not trained: github.com/WongKinYiu/yolov7, ``utils/general.py``, ``non_max_suppression``). Since no
score exceeds its objectness and the sigmoid rises, cells are dropped by comparing *integer* sums;
only what is left is decoded in floating point.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from golden.network import Output, Thresholds
from host.description import DescriptionError, Head

SCORE_FLOOR = 0.25
OVERLAP_LIMIT = 0.45
#: Best-scored candidates that enter the suppression, and boxes that leave it.
MOST_CANDIDATES = 3000
MOST_BOXES = 300
#: exp() of more than this would be a box of a million pixels; it keeps stray values finite.
LARGEST_EXPONENT = 14.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Detections:
    """``boxes`` [n, 4] x0 y0 x1 y1 in pixels, ``scores`` [n], ``labels`` [n]; best score first.

    Of models with masks also ``coefficients`` [n, K] of the mask prototypes and, once they are
    mixed (``host.masks``), ``masks`` bool [n, height, width] in the picture's pixels.
    """

    boxes: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    coefficients: np.ndarray | None = None
    masks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.scores)

    def equal(self, other: "Detections") -> bool:
        """Whether boxes, scores and labels are the same, bit for bit and in order."""
        names = ("boxes", "scores", "labels")
        return all(np.array_equal(getattr(self, name), getattr(other, name)) for name in names)

    def take(self, kept: np.ndarray) -> "Detections":
        """The detections at the indices ``kept``."""
        more = {
            name: None if value is None else value[kept]
            for name, value in (("coefficients", self.coefficients), ("masks", self.masks))
        }
        return Detections(
            boxes=self.boxes[kept], scores=self.scores[kept], labels=self.labels[kept], **more
        )


def sigmoid(x: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)), without overflow."""
    return np.exp(-np.logaddexp(0.0, -np.asarray(x, np.float64)))


def least_logit(floor: float) -> float:
    """The smallest t with sigmoid(t) >= floor."""
    if not 0 < floor < 1:
        return -np.inf if floor <= 0 else np.inf
    return float(np.log(floor / (1 - floor)))


def passing(sums: np.ndarray, scale: float, bias: float, floor: float) -> np.ndarray:
    """Where ``sums * scale + bias >= least_logit(floor)``, by one integer comparison.

    ``sums`` is a map [h, w] of integers (of floats: compared as they are); the result is boolean.
    """
    if sums.dtype.kind == "f":
        return sums * scale + bias >= least_logit(floor)
    sign, level = least_sum(scale, bias, floor)
    return sign * sums >= level


def least_sum(scale: float, bias: float, floor: float) -> tuple[int, int]:
    """(sign, level): integers v with ``v * scale + bias >= least_logit(floor)`` are those with
    ``sign * v >= level``. Where all of them are, or none is, the level is -FAR or FAR."""
    limit = least_logit(floor)
    if not np.isfinite(limit) or scale == 0:
        return 1, -Thresholds.FAR if bias >= limit or limit == -np.inf else Thresholds.FAR
    # The comparison that is meant is the float one: settle the rounding of the division against it.
    bound = int(np.clip((limit - bias) / scale, -(2.0**62), 2.0**62))
    near = np.arange(bound - 2, bound + 3)
    true = near[near * scale + bias >= limit]
    if scale > 0:
        sign, level = 1, int(true.min()) if len(true) else bound + 3
    else:
        sign, level = -1, -(int(true.max()) if len(true) else bound - 3)
    return sign, min(max(level, -Thresholds.FAR), Thresholds.FAR)


def decode_map(
    sums: np.ndarray, output: Output, head: Head, index: int, floor: float
) -> Detections:
    """Boxes that score at least ``floor`` in one output map, in pixels of the network's input.

    ``sums`` [channels, h, w] are the raw sums of ``output`` (floats are welcome: then scale is
    1 and bias 0); ``index`` is the map's place in ``head``. Each anchor of a cell gives its best
    class only. Raises :class:`DescriptionError` where the channels are not the head's.
    """
    anchors, width = head.anchors[index], 5 + len(head.classes)
    _check_channels(output.name, sums.shape, head, index)
    factor = head.scales[index] if head.scales else 1.0
    scale, bias = (factor * np.asarray(part, np.float64) for part in (output.scale, output.bias))
    objects = range(4, len(sums), width)
    found = np.stack([passing(sums[c], scale[c], bias[c], floor) for c in objects])
    if head.merge_anchors:
        # An average of scores reaches the floor only if one of them does: look at whole cells.
        found[:] = found.any(0)
    anchor, row, column = np.nonzero(found)
    channel = anchor[:, None] * width + np.arange(width)
    values = sums[channel, row[:, None], column[:, None]] * scale[channel] + bias[channel]
    cell = np.stack([column, row], 1)
    scale_xy = head.scale_xy[index] if head.scale_xy else 1.0
    centre, size = _centre_and_size(values[:, :4], cell, anchors[anchor], head.kind, scale_xy)
    centre = centre * head.strides[index]
    chances = np.concatenate([sigmoid(values[:, 4:5]), _class_scores(values[:, 5:], head.kind)], 1)
    if head.merge_anchors:
        # Anchors come first in the order of np.nonzero, so the cells repeat for each anchor.
        votes = (len(anchors), -1)
        centre, size = (x.reshape(*votes, 2).mean(0) for x in (centre, size))
        chances = chances.reshape(*votes, width - 4).mean(0)
    labels = chances[:, 1:].argmax(1)
    scores = chances[:, 0]
    if len(head.classes) > 1:
        scores = scores * chances[:, 1:].max(1)
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
    return Detections(boxes=boxes, scores=scores, labels=labels).take(
        np.flatnonzero(scores >= floor)
    )


def _centre_and_size(
    t: np.ndarray, cell: np.ndarray, anchor: np.ndarray, kind: str, scale_xy: float
) -> tuple[np.ndarray, np.ndarray]:
    """Centre in cells and size in pixels of boxes [n, 4] of raw values."""
    s = sigmoid(t)
    if kind == "yolov5":
        return 2 * s[:, :2] - 0.5 + cell, (2 * s[:, 2:]) ** 2 * anchor
    k = scale_xy if kind == "yolov3" else 1.0
    size = np.exp(np.minimum(t[:, 2:], LARGEST_EXPONENT)) * anchor
    return k * s[:, :2] - (k - 1) / 2 + cell, size


def _class_scores(t: np.ndarray, kind: str) -> np.ndarray:
    """Class scores [n, classes] from raw values."""
    if kind != "yolov2":
        return sigmoid(t)
    raised = np.exp(t - t.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True)


def box_overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Intersection over union of ``box`` [4] with each of ``boxes`` [n, 4]."""
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    return shared / np.maximum((box[2:] - box[:2]).prod() + areas - shared, 1e-9)


def suppress(
    found: Detections, limit: float = OVERLAP_LIMIT, *, exclusive: bool = False
) -> Detections:
    """Greedy non-maximum suppression, best score first: each class for itself, or all together."""
    order = np.argsort(-found.scores, kind="stable")[:MOST_CANDIDATES]
    kept = []
    while len(order) and len(kept) < MOST_BOXES:
        best, order = order[0], order[1:]
        kept.append(best)
        overlap = box_overlap(found.boxes[best], found.boxes[order])
        rival = exclusive | (found.labels[order] == found.labels[best])
        order = order[(overlap <= limit) | ~rival]
    return found.take(np.array(kept, np.int64))


def _check_strides(names: Sequence[str], shapes: list[tuple[int, ...]], head: Head) -> None:
    """Maps of one picture, each its stride smaller: exchanged ones would give wrong boxes."""
    for axis in range(1, min(len(shape) for shape in shapes)):
        reach = [shape[axis] * s for shape, s in zip(shapes, head.strides, strict=True)]
        # A map may end with a cell that is partly outside of the picture.
        least = [r - s for r, s in zip(reach, head.strides, strict=True)]
        if max(least) >= min(reach):
            told = ", ".join(
                f"{name} {'x'.join(map(str, shape[1:]))} with stride {s}"
                for name, shape, s in zip(names, shapes, head.strides, strict=True)
            )
            raise DescriptionError(
                f"outputs of one picture cannot have these sizes: {told}; put strides and anchors "
                f"into the order of the outputs, or name these in 'outputs'"
            )


def check_outputs(
    outputs: Sequence[Output], shapes: Sequence[tuple[int, ...]], head: Head
) -> list[int]:
    """For each map of ``head`` the place of its output among ``outputs`` [channels, h, w].

    Raises :class:`DescriptionError` where outputs and head do not belong together.
    """
    names = [output.name for output in outputs]
    wanted = head.outputs or tuple(names)
    if len(wanted) != len(head.strides) or len(set(wanted)) != len(wanted):
        raise DescriptionError(
            f"the network has outputs {', '.join(names)}; the description has {len(head.strides)} "
            f"strides: it needs one for each output, or 'outputs' to name those meant"
        )
    for name in wanted:
        if name not in names:
            raise DescriptionError(
                f"the description names output '{name}'; the network has {', '.join(names)}"
            )
    places = [names.index(name) for name in wanted]
    for index, at in enumerate(places):
        _check_channels(names[at], shapes[at], head, index)
    _check_strides(wanted, [shapes[at] for at in places], head)
    return places


def _check_channels(name: str, shape: tuple[int, ...], head: Head, index: int) -> None:
    if len(shape) != 3 or shape[0] != head.channels(index):
        raise DescriptionError(
            f"output '{name}' has shape {list(shape)}; {len(head.anchors[index])} anchors and "
            f"{len(head.classes)} classes need {head.channels(index)} channels"
        )


def real_outputs(names: Sequence[str], head: Head) -> tuple[Output, ...]:
    """Descriptions of maps that hold real numbers: scale 1, bias 0."""
    return tuple(
        Output(
            name=name,
            tensor=name,
            scale=np.ones(head.channels(at)),
            bias=np.zeros(head.channels(at)),
        )
        for at, name in enumerate(names)
    )


def detect(
    sums: Sequence[np.ndarray],
    outputs: Sequence[Output],
    head: Head,
    *,
    floor: float = SCORE_FLOOR,
    overlap: float = OVERLAP_LIMIT,
) -> Detections:
    """Detections of one frame, in pixels of the network's input.

    ``sums[i]`` [channels, h, w] are the raw sums of ``outputs[i]``. Raises
    :class:`DescriptionError` where outputs and head do not belong together.
    """
    places = check_outputs(outputs, [each.shape for each in sums], head)
    maps = []
    for index, at in enumerate(places):
        maps.append(decode_map(sums[at], outputs[at], head, index, floor))
    found = Detections(
        boxes=np.concatenate([each.boxes for each in maps]),
        scores=np.concatenate([each.scores for each in maps]),
        labels=np.concatenate([each.labels for each in maps]),
    )
    if head.single_object:
        return found.take(np.argsort(-found.scores, kind="stable")[:1])
    return suppress(found, overlap, exclusive=head.exclusive)
