"""Plots of logs."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("matplotlib")
pytest.importorskip("tensorboard")

from PIL import Image

from quant.errors import TrainingError
from quant.runs.log import Log
from quant.runs.settings import Settings
from quant.tables.curves import plot


def training(folder, *, epochs: int, scored: int):
    """A folder with the settings and the log of a training."""
    folder.mkdir()
    (folder / "settings.json").write_text(Settings(data="d", recipe="lsq").to_json())
    log = Log(folder)
    for epoch in range(epochs):
        row = {"epoch": epoch, "loss": 1 / (epoch + 1), "flips": 0.01 * epoch}
        log.write(row | ({"ap50": 0.5} if epoch < scored else {}))
    log.close()
    return folder


def test_a_picture_comes_out(tmp_path):
    runs = [
        training(tmp_path / "a", epochs=5, scored=5),
        training(tmp_path / "b", epochs=1, scored=0),  # killed before it was scored
    ]
    plot(runs, tmp_path / "plots" / "curves.png")
    with Image.open(tmp_path / "plots" / "curves.png") as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 50


def test_other_logs_give_other_pictures(tmp_path):
    for name, epochs in (("a", 3), ("b", 4)):
        plot([training(tmp_path / name, epochs=epochs, scored=1)], tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_no_log(tmp_path):
    with pytest.raises(TrainingError, match=r"no log.csv with a row; is it a training's folder\?"):
        plot([tmp_path], tmp_path / "curves.png")
