"""Boxes that were found already, so that a scoring that was stopped goes on where it was."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arch.cache import cache_folder
from arch.files import write_whole
from host.detection import Detections
from host.picture import load_picture
from quant.data.labels import Sample
from quant.scoring.subjects import Subject, digest_of


def detections_of(subject: Subject, samples: tuple[Sample, ...]) -> list[Detections]:
    """Boxes of every picture in its own pixels: those that are known, and the others now.

    What is found is kept in the cache, by the network's digest and the picture's bytes.
    """
    folder = cache_folder("scores") / f"scores-{subject.digest}"
    found = []
    told = f"{subject.name}, {subject.kind}"
    for sample in tqdm(samples, desc=told, unit="picture", delay=1, leave=False):
        path = folder / f"{digest_of('picture', sample.picture.read_bytes())}.json"
        each = read(path)
        if each is None:
            each = look(subject, sample.picture)
            parts = [part.tolist() for part in (each.boxes, each.scores, each.labels)]
            write_whole(path, json.dumps(parts))
        found.append(each)
    return found


def read(path: Path) -> Detections | None:
    """What an earlier run wrote; None where there is nothing that can be read."""
    try:
        boxes, scores, labels = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return Detections(
        boxes=np.array(boxes, np.float64).reshape(-1, 4),
        scores=np.array(scores, np.float64),
        labels=np.array(labels, np.int64),
    )


def look(subject: Subject, picture: Path) -> Detections:
    """Boxes of a picture file, in its own pixels."""
    decoding = subject.decoding
    channels, height, width = decoding.shape
    frame = load_picture(
        picture,
        height=height,
        width=width,
        channels=channels,
        colour=decoding.colour,
        fit=decoding.fit,
    )
    found = subject.detections(frame.codes)
    return replace(found, boxes=frame.placement.to_picture(found.boxes))
