"""Labels of one picture: a text file with a line for each object.

A line is the class, then centre x y, width and height as shares of the picture.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant.errors import TrainingError

FIELDS = ("class", "centre x", "centre y", "width", "height")


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """``labels`` int64 [n]; ``boxes`` float32 [n, 4]: centre x y, width, height, in shares."""

    picture: Path
    labels: np.ndarray
    boxes: np.ndarray


def label_path(picture: Path) -> Path:
    """Where the labels of a picture are looked for."""
    parts = list(picture.with_suffix(".txt").parts)
    # The file's own name stays as it is.
    places = [at for at, part in enumerate(parts[:-1]) if part == "images"]
    if places:
        parts[places[-1]] = "labels"
    return Path(*parts)


def read_sample(picture: Path, classes: int) -> tuple[Sample, int]:
    """A picture's labels, and how many lines repeated an earlier one; raises TrainingError."""
    path = label_path(picture)
    rows = []
    for number, line in enumerate(read_lines(path) if path.exists() else (), 1):
        if line.strip():
            rows.append(_row(f"{path}:{number}", line.split(), classes))
    unique = np.array(list(dict.fromkeys(rows)), np.float64).reshape(-1, 5)
    # Rounded labels reach over the edge of the picture; no prediction could match that part.
    low = np.clip(unique[:, 1:3] - unique[:, 3:] / 2, 0, 1)
    high = np.clip(unique[:, 1:3] + unique[:, 3:] / 2, 0, 1)
    boxes = np.concatenate([(low + high) / 2, high - low], 1).astype(np.float32)
    sample = Sample(picture=picture, labels=unique[:, 0].astype(np.int64), boxes=boxes)
    return sample, len(rows) - len(unique)


def _row(place: str, fields: list[str], classes: int) -> tuple[float, ...]:
    """Class, centre x y, width, height of one line at ``place``."""
    if len(fields) != len(FIELDS):
        hint = "; polygons have to be made into boxes" if len(fields) > len(FIELDS) else ""
        raise TrainingError(
            f"{place}: has {len(fields)} fields; expected {len(FIELDS)}: {', '.join(FIELDS)}{hint}"
        )
    numbers = []
    for name, field in zip(FIELDS, fields, strict=True):
        try:
            numbers.append(float(field))
        except ValueError:
            numbers.append(math.nan)
        if not math.isfinite(numbers[-1]):
            raise TrainingError(f"{place}: {name} is '{field}'; expected a number: correct it")
    if not numbers[0].is_integer() or not 0 <= numbers[0] < classes:
        raise TrainingError(
            f"{place}: class is {fields[0]}; the data set has {classes} classes, numbered 0 to "
            f"{classes - 1}: correct the class or add its name to 'names'"
        )
    for name, number in zip(FIELDS[1:], numbers[1:], strict=True):
        if not 0 <= number <= 1:
            raise TrainingError(
                f"{place}: {name} is {number:g}; expected a share of the picture, 0 to 1: divide "
                f"pixels by the picture's width or height"
            )
    if min(numbers[3:]) <= 0:
        raise TrainingError(
            f"{place}: the box is {numbers[3]:g} wide and {numbers[4]:g} high; expected more than "
            f"0: delete the line or correct it"
        )
    return tuple(numbers)


def read_lines(path: Path) -> list[str]:
    """The lines of a text file; raises :class:`TrainingError` for what is none."""
    try:
        return path.read_text("utf-8-sig").splitlines()
    except OSError as error:
        raise TrainingError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise TrainingError(f"{path}: is not text; expected one object a line") from None
