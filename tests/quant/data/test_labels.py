"""Labels: what a line may be, and one clear error for everything else."""

import numpy as np
import pytest

from quant.data.labels import label_path, read_lines, read_sample
from quant.errors import TrainingError


@pytest.fixture
def read(tmp_path):
    """Read the labels of a picture, of two classes, from their text."""

    def read_text(text):
        path = tmp_path / "labels" / "val" / "a.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return read_sample(tmp_path / "images" / "val" / "a.jpg", 2)

    return read_text


def test_label_paths(tmp_path):
    assert label_path(tmp_path / "images" / "x" / "images" / "images.png") == (
        tmp_path / "images" / "x" / "labels" / "images.txt"
    )
    assert label_path(tmp_path / "all" / "a.png") == tmp_path / "all" / "a.txt"


def test_a_line_is_an_object(read):
    sample, repeated = read("1 0.5 0.25 0.25 0.5\n\n0 .1 .2 .2 .4\n")
    assert sample.labels.tolist() == [1, 0]
    assert sample.labels.dtype == np.int64
    assert sample.boxes.dtype == np.float32
    np.testing.assert_allclose(sample.boxes, [[0.5, 0.25, 0.25, 0.5], [0.1, 0.2, 0.2, 0.4]])
    assert repeated == 0


def test_no_file_is_no_objects(tmp_path):
    sample, repeated = read_sample(tmp_path / "images" / "a.jpg", 2)
    assert (len(sample.labels), sample.boxes.shape, repeated) == (0, (0, 4), 0)


def test_repeated_lines_are_dropped_and_counted(read):
    sample, repeated = read("1 .5 .5 .2 .2\n0 .5 .5 .2 .2\n1 0.50 0.5 0.2 0.2\n1 .5 .5 .2 .2\n")
    assert sample.labels.tolist() == [1, 0]
    assert repeated == 2


def test_boxes_end_at_the_edge_of_the_picture(read):
    np.testing.assert_allclose(read("0 0.1 1 0.4 0.5")[0].boxes, [[0.15, 0.875, 0.3, 0.25]])


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("1 0.5 0.5 0.2", "has 4 fields; expected 5: class, centre x, centre y, width, height$"),
        ("1 0 0 1 0 1 1", "has 7 fields; .*; polygons have to be made into boxes"),
        ("disc 0.5 0.5 0.2 0.2", "class is 'disc'; expected a number"),
        ("0 0.5 nan 0.2 0.2", "centre y is 'nan'; expected a number"),
        ("0 0.5 0.5 inf 0.2", "width is 'inf'; expected a number"),
        ("2 0.5 0.5 0.2 0.2", "class is 2; the data set has 2 classes, numbered 0 to 1"),
        ("-1 0.5 0.5 0.2 0.2", "class is -1; the data set has 2 classes"),
        ("0.5 0.5 0.5 0.2 0.2", "class is 0.5; the data set has 2 classes"),
        ("0 320 0.5 0.2 0.2", "centre x is 320; expected a share .* divide pixels"),
        ("0 0.5 0.5 0.2 -0.2", "height is -0.2; expected a share"),
        ("0 0.5 0.5 0 0.2", "the box is 0 wide and 0.2 high; expected more than 0"),
    ],
)
def test_wrong_lines(read, line, text):
    with pytest.raises(TrainingError, match=f"labels/val/a.txt:3: {text}"):
        read(f"0 0.5 0.5 0.2 0.2\n\n{line}\n")


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TrainingError, match="a.txt: is not text; expected one object a line"):
        read_lines(tmp_path / "a.txt")
    with pytest.raises(TrainingError, match=r"b.txt: cannot be read \(No such file"):
        read_lines(tmp_path / "b.txt")
