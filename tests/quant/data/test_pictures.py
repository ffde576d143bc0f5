"""Pictures in memory: the pixels are golden's, and the boxes lie on them."""

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("torch")
pytest.importorskip("yaml")

import torch

from host.picture import PictureError, load_picture
from quant.data import pictures
from quant.data.dataset import read_dataset
from quant.data.labels import Sample
from quant.data.pictures import load_pictures
from quant.errors import TrainingError


def sample(path, *rows) -> Sample:
    """From (label, centre x, centre y, width, height)."""
    rows = np.array(rows, float).reshape(-1, 5)
    return Sample(
        picture=path, labels=rows[:, 0].astype(np.int64), boxes=rows[:, 1:].astype(np.float32)
    )


@pytest.fixture
def noise(tmp_path, rng):
    """Two files of noise, of different sizes."""
    paths = []
    for name, size in (("a.png", (30, 50)), ("b.png", (48, 40))):
        paths.append(tmp_path / name)
        Image.fromarray(rng.integers(256, size=(*size, 3)).astype(np.uint8)).save(paths[-1])
    return paths


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_the_pixels_are_the_machines(noise, fit):
    size = {"height": 24, "width": 32, "fit": fit}
    loaded = load_pictures([sample(path) for path in noise], **size, progress="load")
    assert loaded.pixels.dtype == torch.uint8
    assert len(loaded) == 2
    for index, path in enumerate(noise):
        frame = load_picture(path, **size)
        np.testing.assert_array_equal(loaded.pixels[index], frame.codes)
        assert loaded.placements[index] == frame.placement
        assert loaded.targets[index].shape == (0, 5)


@pytest.mark.parametrize("fit", ["stretch", "letterbox"])
def test_boxes_lie_on_what_they_frame(tmp_path, fit):
    image = np.zeros((60, 100, 3), np.uint8)
    image[12:48, 20:80] = 255, 0, 0
    Image.fromarray(image).save(tmp_path / "a.png")
    one = sample(tmp_path / "a.png", (3, 0.5, 0.5, 0.6, 0.6))
    loaded = load_pictures([one], height=64, width=64, fit=fit, progress="load")
    target = loaded.targets[0]
    assert target.dtype == torch.float32
    assert target[0, 0] == 3
    ((boxes, labels),) = loaded.truth()
    assert labels.tolist() == [3]
    rows, columns = np.nonzero(
        (loaded.pixels[0, 0].numpy() > 127) & (loaded.pixels[0, 1].numpy() < 64)
    )
    seen = [columns.min(), rows.min(), columns.max() + 1, rows.max() + 1]
    np.testing.assert_allclose(boxes[0], seen, atol=0.6)
    np.testing.assert_allclose(loaded.placements[0].to_picture(boxes), [[20, 12, 80, 48]], atol=0.4)


def test_what_is_no_picture(noise, tmp_path):
    size = {"height": 8, "width": 8, "fit": "stretch", "progress": "load"}
    (tmp_path / "c.png").write_text("not a picture")
    with pytest.raises(PictureError, match="c.png: not a picture that Pillow can read"):
        load_pictures([sample(noise[0]), sample(tmp_path / "c.png")], **size)
    with pytest.raises(PictureError, match="d.png: no such file"):
        load_pictures([sample(tmp_path / "d.png")], **size)


def test_more_than_memory_holds(noise, monkeypatch):
    def full(*_, **__):
        raise RuntimeError("not enough memory")

    monkeypatch.setattr(pictures.torch, "empty", full)
    with pytest.raises(TrainingError, match="1 pictures of 1024 x 1024 take 0.0 GiB, which memory"):
        load_pictures([sample(noise[0])], height=1024, width=1024, fit="stretch", progress="load")


@pytest.mark.real
def test_blood_cells(real_data):
    test = read_dataset(real_data / "bccd" / "data.yaml").splits["test"][:8]
    loaded = load_pictures(test, height=192, width=256, fit="stretch", progress="load")
    assert loaded.pixels.shape == (8, 3, 192, 256)
    for boxes, labels in loaded.truth():
        assert len(boxes) == len(labels) > 0
        assert boxes.min() >= -1e-3
        assert (boxes <= np.array([256, 192] * 2) + 1e-3).all()
