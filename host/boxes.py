"""From the results in memory to boxes on the picture."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from arch.errors import OnefourError
from host.detection import Detections, detect
from host.layouts import Boxes, detections
from host.manifest import Manifest
from host.masks import masks_on_picture
from host.picture import Frame, Placement
from host.results import result_sums, values_of
from host.tail import Tail, model_outputs


def boxes_on_picture(
    memory: np.ndarray,
    manifest: Manifest,
    frame: Frame,
    floor: float,
    tail: bytes | None = None,
    heads: bytes = b"",
) -> Detections:
    """Detections that score at least ``floor`` in a frame whose run has left ``memory``.

    ``tail``, ``heads``: of ``tail.onnx`` and ``heads.bin``, where the build has them. Boxes are in
    the picture's own pixels. Raises OnefourError where nothing says how boxes are decoded.
    """
    sums = result_sums(memory, manifest, floor, heads)
    return boxes_of(sums, manifest, frame.placement, floor, tail)


def boxes_of(
    sums: Mapping[str, np.ndarray],
    manifest: Manifest,
    placement: Placement,
    floor: float,
    tail: bytes | None,
) -> Detections:
    """The same of the sums int64 [C, H, W] of the network's outputs, by name."""
    check_detector(manifest)
    description = manifest.description
    if description is not None and description.head is not None:
        maps = [sums[out.name] for out in manifest.outputs]
        found = detect(maps, manifest.outputs, description.head, floor=floor)
        return replace(found, boxes=placement.to_picture(found.boxes))
    if tail is None:
        raise OnefourError(f"network {manifest.network!r}: boxes need the build's tail.onnx")
    outputs = model_outputs(Tail(tail), values_of(sums, manifest), manifest.tail.outputs)
    size = manifest.picture.height, manifest.picture.width
    return from_outputs(outputs, manifest.tail.boxes, size, placement, floor)


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
