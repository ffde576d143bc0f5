"""Settings come back from their file as they were."""

import json

import pytest

pytest.importorskip("torch")

from quant.errors import TrainingError
from quant.recipes import Options
from quant.runs.settings import Settings, read_settings


def test_settings_come_back(tmp_path):
    settings = Settings(
        data="/d/data.yaml",
        recipe="mpq",
        bits=3,
        options=Options(ema=False, all_binary=True),
        weights="runs/float",
        height=64,
        rate=0.5,
    )
    (tmp_path / "settings.json").write_text(settings.to_json())
    assert read_settings(tmp_path / "settings.json") == settings


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not the settings of a training"),
        ("[]", "not the settings of a training"),
        ("{}", "not the settings of a training"),
        (json.dumps({"options": {}, "data": "d"}), "not the settings of a training .*'recipe'"),
        (json.dumps({"options": {}, "data": "d", "recipe": "lsq", "x": 1}), "unexpected .*'x'"),
        (json.dumps({"options": {"y": 1}, "data": "d", "recipe": "lsq"}), "unexpected .*'y'"),
    ],
)
def test_files_that_are_no_settings(tmp_path, text, message):
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(TrainingError, match=message) as caught:
        read_settings(tmp_path / "settings.json")
    assert "settings.json" in str(caught.value)


def test_no_file(tmp_path):
    with pytest.raises(TrainingError, match=r"settings.json: no such file; is its folder that of"):
        read_settings(tmp_path / "settings.json")
