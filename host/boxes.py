"""From the results in memory to boxes on the picture."""

from dataclasses import replace

import numpy as np

from arch.errors import OnefourError
from host.detection import Detections, detect
from host.layouts import detections
from host.manifest import Manifest
from host.memory import read_layer, read_outputs
from host.picture import Frame
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
    else:
        if tail is None:
            raise OnefourError(f"network {manifest.network!r}: boxes need the build's tail.onnx")
        results = read_outputs(memory, manifest)
        outputs = model_outputs(Tail(tail), results, manifest.tail.outputs)
        size = manifest.picture.height, manifest.picture.width
        found = detections(outputs, manifest.tail.boxes, size, floor)
    return replace(found, boxes=frame.placement.to_picture(found.boxes))


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
