"""YOLO folders: what is read, and one clear error for everything that may be wrong."""

import numpy as np
import pytest

pytest.importorskip("yaml")

from quant.data.dataset import read_dataset
from quant.errors import TrainingError

RECORD = {"train": "images/train", "val": "images/val", "names": "[disc, ring]"}


@pytest.fixture
def folder(tmp_path):
    """Two splits of one picture each, with one label."""
    for split in ("train", "val"):
        for kind, name in (("images", "a.jpg"), ("labels", "a.txt")):
            (tmp_path / kind / split).mkdir(parents=True)
            (tmp_path / kind / split / name).write_text("1 0.5 0.5 0.25 0.5\n")
    return tmp_path


def read(folder, **changes):
    """Read ``folder`` with changed keys of its data.yaml; None takes a key away."""
    record = {key: value for key, value in (RECORD | changes).items() if value is not None}
    (folder / "data.yaml").write_text("\n".join(f"{key}: {value}" for key, value in record.items()))
    return read_dataset(folder / "data.yaml")


def test_reads_names_pictures_and_boxes(folder):
    data = read(folder)
    assert data.names == ("disc", "ring")
    assert list(data.splits) == ["train", "val"]
    assert data.duplicates == 0
    (sample,) = data.splits["train"]
    assert sample.picture == folder / "images" / "train" / "a.jpg"
    assert sample.labels.dtype == np.int64
    assert sample.boxes.dtype == np.float32
    assert sample.labels.tolist() == [1]
    assert sample.boxes.tolist() == [[0.5, 0.5, 0.25, 0.5]]


@pytest.mark.parametrize("names", ["{0: disc, 1: ring}", "{1: ring, 0: disc}", "[disc, ring]"])
def test_names_are_a_list_or_numbered(folder, names):
    assert read(folder, names=names, nc=2).names == ("disc", "ring")


def test_path_is_where_the_others_start(folder):
    (folder / "lists").mkdir()
    (folder / "lists" / "data.yaml").write_text(
        "path: ..\ntrain: images/train\nval: [images/val]\ntest: images/val\nnames: [a, b]"
    )
    data = read_dataset(folder / "lists" / "data.yaml")
    assert [len(samples) for samples in data.splits.values()] == [1, 1, 1]


def test_a_split_may_be_a_list(folder):
    (folder / "val.txt").write_text("./images/train/a.jpg\n\nimages/val/a.jpg\n")
    assert len(read(folder, val="val.txt").splits["val"]) == 2


def test_repeated_lines_are_counted(folder):
    (folder / "labels" / "train" / "a.txt").write_text("1 .5 .5 .2 .2\n" * 3)
    data = read(folder)
    assert len(data.splits["train"][0].labels) == 1
    assert data.duplicates == 2


def test_pictures_without_labels_show_nothing(folder):
    (folder / "images" / "train" / "b.PNG").touch()
    (folder / "images" / "train" / "c.png").touch()
    (folder / "labels" / "train" / "c.txt").touch()
    (folder / "labels" / "train" / "classes.txt").write_text("disc\nring\n")
    samples = read(folder).splits["train"]
    assert [len(sample.labels) for sample in samples] == [1, 0, 0]
    assert samples[1].boxes.shape == (0, 4)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"names": None, "val": None}, "lacks val, names; add"),
        ({"train": "3"}, "'train' is 3; expected the path"),
        ({"val": "{a: b}"}, "'val' is {'a': 'b'}; expected the path"),
        ({"path": "[a]"}, r"'path' is \['a'\]; expected the path"),
        ({"train": "images/trian"}, "'train' is .*images/trian, which is not there; expected a f"),
        (
            {"names": "disc"},
            "'names' is 'disc'; expected a list of class names in quotes, or {0: n",
        ),
        ({"names": "[yes, no]"}, r"'names' is \[True, False\]; expected a list"),
        ({"names": "[]"}, r"'names' is \[\]; expected a list"),
        ({"names": "{1: disc, 2: ring}"}, "'names' has the classes 1, 2; expected 0 to 1"),
        ({"names": "[disc, disc]"}, "'names' has a name twice"),
        ({"nc": 3}, "'nc' is 3 but 'names' has 2"),
        ({"names": "[disc"}, r"not YAML \(.*line 3"),
    ],
)
def test_wrong_data_files(folder, changes, text):
    with pytest.raises(TrainingError, match=f"data.yaml: {text}") as caught:
        read(folder, **changes)
    assert "\n" not in str(caught.value)


def test_no_data_file(tmp_path):
    with pytest.raises(TrainingError, match=r"data.yaml: cannot be read \(No such file"):
        read_dataset(tmp_path / "data.yaml")
    (tmp_path / "data.yaml").write_text("- a\n- b")
    with pytest.raises(TrainingError, match="data.yaml: holds list; expected the keys path, train"):
        read_dataset(tmp_path / "data.yaml")
    (tmp_path / "data.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match="data.yaml: is not text"):
        read_dataset(tmp_path / "data.yaml")


def test_an_empty_split(folder):
    (folder / "empty").mkdir()
    with pytest.raises(TrainingError, match="'val' is .*empty, which has no pictures; .*jpg"):
        read(folder, val="empty")


def test_a_split_without_any_labels(folder):
    (folder / "labels" / "train" / "a.txt").unlink()
    with pytest.raises(
        TrainingError, match="none of the 1 pictures of 'train' .* example .*labels/train/a.txt"
    ):
        read(folder)


def test_labels_and_lists_of_missing_pictures(folder):
    (folder / "val.txt").write_text("images/val/a.jpg\nimages/val/z.jpg\n")
    with pytest.raises(TrainingError, match="val.txt:2: lists a picture .* not there, .*val/z.jpg"):
        read(folder, val="val.txt")
    (folder / "labels" / "train" / "b.txt").touch()
    with pytest.raises(
        TrainingError, match="labels/train/b.txt: labels a picture .* expected .*images/train/b"
    ):
        read(folder)


@pytest.mark.real
def test_blood_cells(real_data):
    data = read_dataset(real_data / "bccd" / "data.yaml")
    assert data.names == ("RBC", "WBC", "Platelets")
    assert {name: len(split) for name, split in data.splits.items()} == {
        "train": 205, "val": 87, "test": 72,
    }  # fmt: skip
    assert all(len(sample.labels) for sample in data.splits["val"])
