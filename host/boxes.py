"""From the results in memory to boxes on the picture."""

from dataclasses import replace

import numpy as np

from arch.errors import OnefourError
from host.detection import Detections, detect
from host.manifest import Manifest
from host.memory import read_layer
from host.picture import Frame


def boxes_on_picture(
    memory: np.ndarray, manifest: Manifest, frame: Frame, floor: float
) -> Detections:
    """Detections that score at least ``floor`` in a frame whose run has left ``memory``.

    Boxes are in the picture's own pixels. Raises OnefourError for a model without a side-car.
    """
    check_detector(manifest)
    sums = [read_layer(memory, manifest.layer_of(out.tensor)) for out in manifest.outputs]
    found = detect(sums, manifest.outputs, manifest.description.head, floor=floor)
    return replace(found, boxes=frame.placement.to_picture(found.boxes))


def check_detector(manifest: Manifest) -> None:
    """OnefourError where there is no description by which boxes could be decoded."""
    if manifest.description is None:
        raise OnefourError(
            f"network {manifest.network!r} has no detection description, so there are no boxes to "
            f"draw; leave --draw out, or put a side-car (docs/dataflow.md) beside the model and "
            f"build it again"
        )
