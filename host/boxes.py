"""From the results in memory to boxes on the picture."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from arch.errors import OnefourError
from host.detection import Detections, detect
from host.layouts import Boxes, detections
from host.manifest import Manifest
from host.masks import masks_on_picture
from host.memory import read_layer, read_outputs
from host.picture import Frame, Placement
from host.tail import Tail, model_outputs


def boxes_on_picture(
    memory: np.ndarray, manifest: Manifest, frame: Frame, floor: float, tail: bytes | None = None
) -> Detections:
    """Detections that score at least ``floor`` in a frame whose run has left ``memory``.

    ``tail``: of ``tail.onnx``, where the build has one. Boxes are in the picture's own pixels.
    Raises OnefourError where nothing says how boxes are decoded.
    """
    check_detector(manifest)
    description = manifest.description
    if description is not None and description.head is not None:
        sums = [read_layer(memory, manifest.layer_of(out.tensor)) for out in manifest.outputs]
        found = detect(sums, manifest.outputs, description.head, floor=floor)
        return replace(found, boxes=frame.placement.to_picture(found.boxes))
    if tail is None:
        raise OnefourError(f"network {manifest.network!r}: boxes need the build's tail.onnx")
    outputs = model_outputs(Tail(tail), read_outputs(memory, manifest), manifest.tail.outputs)
    size = manifest.picture.height, manifest.picture.width
    return from_outputs(outputs, manifest.tail.boxes, size, frame.placement, floor)


def from_outputs(
    outputs: Mapping[str, np.ndarray],
    boxes: Boxes,
    size: tuple[int, int],
    placement: Placement,
    floor: float,
) -> Detections:
    """Detections, with their masks where the model has some, in the picture's own pixels.

    ``outputs``: the model's own; ``size``: height and width of its input.
    """
    found = detections(outputs, boxes, size, floor)
    found = replace(found, boxes=placement.to_picture(found.boxes))
    if not boxes.prototypes:
        return found
    masks = masks_on_picture(found, outputs[boxes.prototypes][0], size, placement)
    return replace(found, masks=masks)


def is_detector(manifest: Manifest) -> bool:
    """Whether it is known how boxes are decoded: by a side-car, or from the model's outputs."""
    description, tail = manifest.description, manifest.tail
    by_head = description is not None and description.head is not None
    return by_head or (tail is not None and tail.boxes is not None)


def class_names(manifest: Manifest) -> tuple[str, ...]:
    """The names of a detector's classes, () where they are not known."""
    description = manifest.description
    if description is not None and description.head is not None:
        return description.head.classes
    return manifest.tail.boxes.classes


def check_detector(manifest: Manifest) -> None:
    """OnefourError where it is not known how boxes could be decoded."""
    if is_detector(manifest):
        return
    outputs = ""
    if manifest.tail is not None:
        outputs = f" and its outputs {', '.join(manifest.tail.outputs)} are of no known layout"
    raise OnefourError(
        f"network {manifest.network!r} has no detection description{outputs}, so there are no "
        f"boxes to draw; leave --draw out, or put a side-car (docs/dataflow.md) beside the model "
        f"and build it again"
    )
