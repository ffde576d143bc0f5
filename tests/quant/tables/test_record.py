"""Records of scores, and the tables made of them."""

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")

from quant.errors import TrainingError
from quant.recipes import Options
from quant.runs.settings import Settings
from quant.scoring.metrics import Scores
from quant.tables.record import Evaluation, command_of, make_record, read_records, table
from tests.quant import tiny


def settings(**changes) -> Settings:
    return Settings(data="cells/data.yaml", recipe="lsq", bits=3, **changes)


def record(seed: int = 0, ap50: float = 0.5) -> dict:
    scores = Scores(ap50=ap50, ap=0.25, class_ap50={"disc": ap50, "ring": ap50})
    model = tiny.detector("lsq", bits=3)
    told = Evaluation(data=Path("cells/data.yaml"), split="test")
    return make_record(model, settings(seed=seed), scores, told, pictures=7)


def test_a_record_says_what_was_trained_and_how():
    found = record()
    assert (found["name"], found["data"], found["split"]) == ("lsq W3A3", "cells", "test")
    assert (found["ap50"], found["seed"], found["epochs"]) == (0.5, 0, 100)
    assert found["bits"] == ["W3A3", "W3A8"]
    assert found["weight_bytes"] == round(found["parameters"] * 3 / 8)
    assert "--recipe lsq" in found["command"]
    assert "--bits 3" in found["command"]


def test_options_are_in_the_command():
    options = Options(ema=False, correction=False, progressive=True, all_binary=True)
    command = command_of(settings(options=options, weights="x", rate=0.5))
    for flag in ("--no-ema", "--no-correction", "--progressive", "--all-binary", "--rate 0.5"):
        assert flag in command


def test_a_record_says_what_was_scored():
    scores = Scores(ap50=0.5, ap=0.25, class_ap50={})
    model = tiny.detector("lsq", bits=3)
    told = Evaluation(
        data=Path("other/data.yaml"), split="val", uncorrected=True, machine="ecp5_25f"
    )
    found = make_record(model, settings(), scores, told, pictures=7)
    assert found["name"] == "lsq W3A3, before QC, compiled"
    assert (found["data"], found["trained_on"], found["machine"]) == ("other", "cells", "ecp5_25f")
    assert found["evaluation"] == (
        "python -m quant eval RUN --split val --data data.yaml --uncorrected --build BUILD"
    )


def test_seeds_of_one_training_become_one_row():
    rows = table([record(0, 0.5), record(3, 0.54)]).splitlines()
    assert len(rows) == 3
    cells = [cell.strip() for cell in rows[2].strip("|").split("|")]
    assert cells[:7] == ["cells", "yolov5pico", "lsq W3A3", "100", "0, 3", "52.0", "4.0"]


@pytest.mark.parametrize("change", [{"split": "val"}, {"data": "boards"}, {"command": "--rate 2"}])
def test_unlike_trainings_have_rows_of_their_own(change):
    assert len(table([record(0), record(1) | change]).splitlines()) == 4


@pytest.mark.parametrize("text", ["", "[]", '{"name": "x"}'])
def test_another_file_is_named(tmp_path, text):
    path = tmp_path / "r.json"
    path.write_text(text)
    with pytest.raises(TrainingError, match="r.json: not a record"):
        read_records([path])


def test_records_are_read_back(tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(record()))
    assert read_records([path]) == [record()]
