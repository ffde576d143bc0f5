"""The rendered data set is what is drawn, and reads back as a YOLO data set."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")

from quant.data.dataset import read_dataset
from quant.data.render import CLASSES, render
from quant.data.render_dataset import main, write_dataset


def test_a_folder_that_cannot_be(capsys):
    assert main(["--out", "/dev/null/x"]) == 2
    assert "Not a directory" in capsys.readouterr().err


def test_pictures_and_boxes_read_back(tmp_path):
    splits = {"train": (3, 0), "val": (2, 50), "test": (1, 90)}
    dataset = read_dataset(write_dataset(tmp_path, 5, splits))
    assert dataset.names == CLASSES
    assert {name: len(split) for name, split in dataset.splits.items()} == {
        "train": 3, "val": 2, "test": 1,
    }  # fmt: skip
    for split, (count, offset) in splits.items():
        for index in range(count):
            drawn, sample = render(5 + offset, index), dataset.splits[split][index]
            np.testing.assert_array_equal(np.array(Image.open(sample.picture)), drawn.pixels)
            assert sample.labels.tolist() == drawn.labels.tolist()
            low, high = drawn.boxes[:, :2], drawn.boxes[:, 2:]
            expected = np.concatenate([(low + high) / 2, high - low], 1) / 160
            np.testing.assert_allclose(sample.boxes, expected, atol=1e-5)
