"""From a network's outputs to nearly all boxes that there are, as average precision wants them.

Side-cars that describe heads say how their maps are decoded; otherwise boxes stand in the model's
own outputs, as the side-car says or as is recognised (``host.layouts``).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from compiler.frontend.split.model import split_file
from compiler.tail import describe_tail
from host.description import Description, Head, read_description, side_car
from host.detection import Detections, detect, real_outputs
from host.layouts import Boxes, detections
from host.manifest import Manifest
from quant.errors import TrainingError
from quant.scoring.metrics import OVERLAP, SCORE_FLOOR

ADVICE = "name a side-car with --description (docs/dataflow.md; examples/ has some)"


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoding:
    """How pictures become an input, and the outputs boxes: by a ``head``, or by a layout."""

    shape: tuple[int, int, int]
    head: Head | None = None
    boxes: Boxes | None = None
    colour: str = "rgb"
    fit: str = "stretch"
    scale: float = 1 / 255
    #: The least score of a box. It follows from a manifest, by which what was found is kept.
    floor: float = field(default=SCORE_FLOOR, repr=False)

    @property
    def classes(self) -> int:
        """How many classes there are; 0 where that is not known."""
        return len((self.head or self.boxes).classes)

    def __call__(self, outputs: Mapping[str, np.ndarray]) -> Detections:
        """Boxes in pixels of the input, from outputs with the axis of the batch."""
        if self.head is None:
            return detections(outputs, self.boxes, self.shape[1:], self.floor, OVERLAP)
        maps = {name: each[0].astype(np.float64) for name, each in outputs.items()}
        names = maps_of_head({n: each.shape for n, each in maps.items()}, self.head, self.shape)
        return detect(
            [maps[name] for name in names],
            real_outputs(names, self.head),
            self.head,
            floor=self.floor,
            overlap=OVERLAP,
        )


def maps_of_head(
    shapes: dict[str, tuple[int, ...]], head: Head, size: tuple[int, int, int]
) -> tuple[str, ...]:
    """The output for each stride: those named, or by their shapes (files have any order).

    ``size``: the input's [C, H, W].
    """
    if head.outputs:
        return head.outputs
    chosen = []
    for at, stride in enumerate(head.strides):
        wanted = (head.channels(at), size[1] // stride, size[2] // stride)
        fitting = [name for name, shape in shapes.items() if tuple(shape) == wanted]
        if len(fitting) != 1:
            told = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
            raise TrainingError(
                f"stride {stride} needs one output of shape {list(wanted)}; the network has "
                f"{told}: name those meant as 'outputs' in the side-car"
            )
        chosen += fitting
    return tuple(chosen)


def of_file(path: Path, given: Path | None, shape: tuple[int, int, int]) -> Decoding:
    """How the outputs of an ONNX file are decoded: by the side-car ``given`` or beside it, or by
    what is known of its tail."""
    beside = given or side_car(path)
    described = read_description(beside) if given or beside.exists() else None
    boxes = None
    if described is None or described.head is None:
        parts = split_file(path)
        boxes = parts and describe_tail(parts, shape[1:], described).boxes
    return chosen(path, described, boxes, shape)


def of_build(folder: Path, given: Path | None, manifest: Manifest) -> Decoding:
    """The same for a build."""
    picture = manifest.picture
    shape = picture.channels, picture.height, picture.width
    described = read_description(given) if given else manifest.description
    found = chosen(folder, described, manifest.tail and manifest.tail.boxes, shape)
    if not manifest.heads:
        return found
    return replace(found, floor=max(SCORE_FLOOR, manifest.confidence))


def chosen(
    path: Path,
    described: Description | None,
    boxes: Boxes | None,
    shape: tuple[int, int, int],
) -> Decoding:
    """The head that is described, or the layout that is known; TrainingError where neither is."""
    head = None if described is None else described.head
    if head is None and boxes is None:
        raise TrainingError(f"{path}: what its outputs mean is not known; {ADVICE}")
    told = {} if described is None else {
        "colour": described.colour, "fit": described.fit, "scale": described.scale
    }  # fmt: skip
    if described is None:
        told["fit"] = boxes.fit
    return Decoding(shape=shape, head=head, boxes=None if head else boxes, **told)
