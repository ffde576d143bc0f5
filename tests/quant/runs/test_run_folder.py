"""A trained network comes back from its folder."""

import pytest

pytest.importorskip("torch")

import torch

from quant.errors import TrainingError
from quant.runs.run_folder import CHECKPOINT, FINAL, SETTINGS, load, load_final, save, save_final
from quant.runs.settings import Settings
from quant.training.correction import fold_corrections, insert_corrections
from tests.quant import tiny


def folder_of(model, path, recipe):
    settings = Settings(
        data="data.yaml", recipe=recipe, model="plain32", height=tiny.HEIGHT, width=tiny.WIDTH
    )
    (path / SETTINGS).write_text(settings.to_json())
    save_final(model, path)
    return settings


@pytest.mark.parametrize("recipe", ["float", "lsq", "mpq", "gaussian", "minmax"])
def test_the_network_comes_back(recipe, seed, tmp_path):
    model = tiny.steps(tiny.detector(recipe), seed, count=1)
    settings = folder_of(model, tmp_path, recipe)
    found, said = load_final(tmp_path)
    assert said == settings
    assert found.task == model.task
    assert not found.training
    x = tiny.pictures(seed)
    with torch.no_grad():
        for mine, theirs in zip(found(x), model(x), strict=True):
            assert torch.equal(mine, theirs)


def test_corrections_of_the_last_layers_come_back(seed, tmp_path):
    """Layers without a normalisation keep their correction: see ``quant.training.correction``."""
    model = tiny.steps(tiny.detector("ema-qc"), seed, count=1)
    for parameter in insert_corrections(model):
        parameter.data += 0.1
    fold_corrections(model)
    folder_of(model, tmp_path, "ema-qc")
    found, _ = load_final(tmp_path)
    x = tiny.pictures(seed)
    with torch.no_grad():
        for mine, theirs in zip(found(x), model(x), strict=True):
            assert torch.equal(mine, theirs)


def test_files_are_written_whole_or_not_at_all(tmp_path):
    save({"a": 1}, tmp_path / CHECKPOINT)
    with pytest.raises(Exception, match="pickle"):
        save({"a": lambda: 1}, tmp_path / CHECKPOINT)
    assert load(tmp_path / CHECKPOINT) == {"a": 1}


@pytest.mark.parametrize(
    "record", [{"task": {}}, {"model": {}}, {"model": {}, "task": 3}, [1]], ids=str
)
def test_files_of_other_programs(record, seed, tmp_path):
    folder_of(tiny.detector("lsq"), tmp_path, "lsq")
    torch.save(record, tmp_path / FINAL)
    with pytest.raises(TrainingError, match=r"final.pt: not a network of this program"):
        load_final(tmp_path)


def test_a_network_of_another_recipe(tmp_path):
    folder_of(tiny.detector("lsq"), tmp_path, "lsq")
    save_final(tiny.detector("float"), tmp_path)
    with pytest.raises(TrainingError, match=r"final.pt: does not fit settings.json"):
        load_final(tmp_path)


def test_no_network(tmp_path):
    folder_of(tiny.detector("lsq"), tmp_path, "lsq")
    (tmp_path / FINAL).unlink()
    with pytest.raises(TrainingError, match=r"final.pt: no such file; has the training ended\?"):
        load_final(tmp_path)
    (tmp_path / FINAL).write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(TrainingError, match=r"final.pt: not a file of this program") as caught:
        load_final(tmp_path)
    assert "\n" not in str(caught.value)
