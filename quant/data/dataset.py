"""Data sets in YOLO's folder format: a ``data.yaml``, pictures, and a text file of boxes for each.

    path: .                 folder that the others start from; itself relative to this file
    train: images/train     a folder, a .txt file that lists pictures, or a list of these
    val: images/val
    test: images/test       optional
    names: [disc, ring]     or {0: disc, 1: ring}

The labels of ``images/train/a.jpg`` are in ``labels/train/a.txt``: the last folder called
``images`` becomes ``labels`` (where there is none, the labels lie beside the picture). A line is
the class, then centre x y, width and height as shares of the picture. A picture without a file of
labels shows no objects.
"""

from dataclasses import dataclass
from pathlib import Path

import yaml
from tqdm import tqdm

from quant.data.labels import Sample, label_path, read_lines, read_sample
from quant.errors import TrainingError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
#: Labelling programs write the class names there, among the labels.
NO_LABELS = "classes.txt"


@dataclass(frozen=True, kw_only=True, eq=False)
class Dataset:
    """``splits`` has train, val and perhaps test; ``duplicates`` label lines were dropped."""

    names: tuple[str, ...]
    splits: dict[str, tuple[Sample, ...]]
    duplicates: int

    def split(self, name: str) -> tuple[Sample, ...]:
        """The samples of a split; raises :class:`TrainingError` where there is none."""
        if name not in self.splits:
            raise TrainingError(
                f"the data set has no split {name!r}, only {', '.join(self.splits)}"
            )
        return self.splits[name]


def read_dataset(path: Path) -> Dataset:
    """Read a ``data.yaml`` and all labels, not yet the pictures; raises :class:`TrainingError`."""
    path = Path(path)
    record = _record(path)
    names = _names(path, record)
    root = path.parent / _text(path, "path", record.get("path", "."))
    splits, duplicates = {}, 0
    for split in ("train", "val", "test"):
        entry = record.get(split)
        if entry is None and split == "test":
            continue
        entries = entry if isinstance(entry, list) and entry else [entry]
        where = [root / _text(path, split, each) for each in entries]
        pictures = [picture for each in where for picture in _pictures(path, split, each)]
        samples = []
        for picture in tqdm(pictures, desc=f"labels of {split}", delay=1, leave=False):
            sample, dropped = read_sample(picture, len(names))
            samples.append(sample)
            duplicates += dropped
        if not any(label_path(picture).is_file() for picture in pictures):
            raise TrainingError(
                f"{path}: none of the {len(pictures)} pictures of '{split}' has labels; expected "
                f"for example {label_path(pictures[0])}"
            )
        splits[split] = tuple(samples)
    return Dataset(names=names, splits=splits, duplicates=duplicates)


def _record(path: Path) -> dict:
    try:
        record = yaml.safe_load("\n".join(read_lines(path)))
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise TrainingError(f"{path}: not YAML ({told}); correct the file") from None
    if not isinstance(record, dict):
        raise TrainingError(
            f"{path}: holds {type(record).__name__}; expected the keys path, train, val and names"
        )
    missing = [key for key in ("train", "val", "names") if record.get(key) is None]
    if missing:
        raise TrainingError(f"{path}: lacks {', '.join(missing)}; add what is missing")
    return record


def _text(path: Path, key: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise TrainingError(f"{path}: '{key}' is {value!r}; expected the path of a folder or list")
    return value


def _names(path: Path, record: dict) -> tuple[str, ...]:
    names, count = record["names"], record.get("nc")
    if isinstance(names, dict):
        if set(names) != set(range(len(names))):
            raise TrainingError(
                f"{path}: 'names' has the classes {', '.join(map(str, names))}; expected 0 to "
                f"{len(names) - 1} without a gap"
            )
        names = [names[label] for label in range(len(names))]
    # Not bool: YAML reads an unquoted "no" as one.
    if not isinstance(names, list) or not names or {type(name) for name in names} - {str, int}:
        raise TrainingError(
            f"{path}: 'names' is {record['names']!r}; expected a list of class names in quotes, or "
            f"{{0: name}}"
        )
    if len(set(map(str, names))) != len(names):
        raise TrainingError(f"{path}: 'names' has a name twice; expected one for each class")
    if count is not None and count != len(names):
        raise TrainingError(f"{path}: 'nc' is {count} but 'names' has {len(names)}; correct either")
    return tuple(map(str, names))


def _pictures(path: Path, split: str, entry: Path) -> list[Path]:
    """The pictures of a folder (and the folders in it) or of a list; at least one."""
    if entry.is_dir():
        found = sorted(file for file in entry.rglob("*") if file.suffix.lower() in SUFFIXES)
        _check_labels_have_pictures(entry, found)
    elif entry.suffix == ".txt" and entry.is_file():
        found = []
        for number, line in enumerate(read_lines(entry), 1):
            if line.strip():
                found.append(entry.parent / line.strip())
                if not found[-1].is_file():
                    raise TrainingError(
                        f"{entry}:{number}: lists a picture that is not there, {found[-1]}; add "
                        f"the picture or delete the line (paths start from the list's folder)"
                    )
    else:
        raise TrainingError(
            f"{path}: '{split}' is {entry}, which is not there; expected a folder of pictures or a "
            f".txt file that lists them ('path' is relative to {path.name})"
        )
    if not found:
        raise TrainingError(
            f"{path}: '{split}' is {entry}, which has no pictures; expected at least one "
            f"({', '.join(SUFFIXES)})"
        )
    return found


def _check_labels_have_pictures(folder: Path, pictures: list[Path]) -> None:
    known = {label_path(picture) for picture in pictures}
    labels = label_path(folder / "any").parent
    if labels == folder:
        return  # other texts may lie there too
    for file in sorted(labels.rglob("*.txt")):
        if file not in known and file.name != NO_LABELS:
            raise TrainingError(
                f"{file}: labels a picture that is not there; expected "
                f"{folder / file.relative_to(labels).with_suffix('')} with one of "
                f"{', '.join(SUFFIXES)}: add the picture or delete the labels"
            )
