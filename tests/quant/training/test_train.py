"""Trainings: repeatable bit for bit, also when they are killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")
pytest.importorskip("tensorboard")

import torch

from quant.__main__ import main
from quant.errors import TrainingError
from quant.recipes import Options
from quant.recipes.stages import BINARY_ACTIVATIONS
from quant.runs.log import read_log
from quant.runs.run_folder import CHECKPOINT, FINAL, SETTINGS, load
from quant.runs.settings import Settings
from quant.training.ema import Average
from quant.training.train import Training, begin, check_folder
from tests.long_runs import slow
from tests.quant import tiny

ROOT = Path(__file__).resolve().parents[3]
EPOCHS = 3


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_data(tmp_path_factory.mktemp("data"), {"train": 12, "val": 3})


def arguments(data, out, recipe, *more) -> list[str]:
    return [
        "train", "--data", str(data), "--out", str(out), "--recipe", recipe, "--model", "plain32",
        "--size", "96x64", "--batch", "4", "--epochs", str(EPOCHS), "--score-every", "2",
        "--threads", "1", "--seed", "3", "--checkpoint-seconds", "0", *more,
    ]  # fmt: skip


#: Keeps no checkpoint behind epoch 1, step 2, and is killed in epoch 2, step 1: a row of the log
#: and three steps have to be computed again.
DYING = """
import os, signal, sys
from quant.__main__ import main
from quant.training.train import Training
save, run_step = Training.save, Training.run_step
def save_early(self):
    if (self.epoch, self.step) <= (1, 2):
        save(self)
def die(self, *given):
    run_step(self, *given)
    if (self.epoch, self.step) == (2, 1):
        os.kill(os.getpid(), signal.SIGKILL)
Training.save, Training.run_step = save_early, die
sys.exit(main(sys.argv[1:]))
"""


def killed(data, out, recipe, *more) -> None:
    """Train in a process of its own until that is killed."""
    ended = subprocess.run(
        [sys.executable, "-c", DYING, *arguments(data, out, recipe, *more)],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


@pytest.mark.parametrize("recipe", ["mpq", "ema-qc", *slow("freezing")])
def test_goes_on_bit_for_bit(recipe, data, tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    # Weights flip often at ten times the rate: there is something to freeze.
    more = ("--rate", "10") if recipe == "freezing" else ()
    assert main(arguments(data, whole, recipe, *more)) == 0
    killed(data, parts, recipe, *more)
    state = load(parts / CHECKPOINT)
    assert (state["epoch"], state["step"]) == (1, 2)
    assert [row["epoch"] for row in read_log(parts / "log.csv")] == ["0", "1"]
    assert not (parts / FINAL).exists()
    torch.manual_seed(99)  # nothing depends on the process's own dice
    assert main(arguments(data, parts, recipe, "--resume", *more)) == 0
    assert (parts / "log.csv").read_bytes() == (whole / "log.csv").read_bytes()
    assert (parts / SETTINGS).read_bytes() == (whole / SETTINGS).read_bytes()
    mine, other = load(parts / FINAL), load(whole / FINAL)
    assert mine["task"] == other["task"]
    assert mine["model"].keys() == other["model"].keys()
    for name, tensor in mine["model"].items():
        assert torch.equal(tensor, other["model"][name]), name
    mine, other = load(parts / CHECKPOINT), load(whole / CHECKPOINT)
    for layer, known in mine["oscillations"].items():
        for name, tensor in known.items():
            assert torch.equal(tensor, other["oscillations"][layer][name]), (layer, name)
    if recipe == "freezing":
        assert any(known["frozen"].any() for known in mine["oscillations"].values())
    assert "AP50" in capsys.readouterr().out


def test_a_finished_training_goes_on_to_the_same_end(data, tmp_path):
    assert main(arguments(data, tmp_path, "lsq")) == 0
    before, log = load(tmp_path / FINAL)["model"], (tmp_path / "log.csv").read_bytes()
    assert main(arguments(data, tmp_path, "lsq", "--resume")) == 0
    after = load(tmp_path / FINAL)["model"]
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert (tmp_path / "log.csv").read_bytes() == log
    rows = read_log(tmp_path / "log.csv")
    assert [bool(row["ap50"]) for row in rows] == [False, True, True]
    assert float(rows[-1]["loss"]) < float(rows[0]["loss"])
    assert 0 < float(rows[-1]["flips"]) < 0.5


def test_pictures_on_the_device_change_nothing_but_where_they_are(data, tmp_path):
    """The processor as the device: ema-qc augments, averages, settles, corrects and scores."""
    more = ("--augmentation", "upright", "--pictures")
    for residence in ("host", "device"):
        assert main(arguments(data, tmp_path / residence, "ema-qc", *more, residence)) == 0
    one, two = (load(tmp_path / residence / FINAL)["model"] for residence in ("host", "device"))
    assert all(torch.equal(two[name], tensor) for name, tensor in one.items())
    for file in ("log.csv", SETTINGS):
        assert (tmp_path / "host" / file).read_bytes() == (tmp_path / "device" / file).read_bytes()


def settings(data, **changes) -> Settings:
    chosen = {"recipe": "mpq", "model": "plain32", "height": 64, "width": 96, "epochs": 8,
              "batch": 6, "augmentation": "none"}  # fmt: skip
    chosen |= changes
    chosen["options"] = Options(progressive=chosen["recipe"] == "mpq")
    return Settings(data=str(data), **chosen)


def test_other_seeds_are_other_trainings(data, tmp_path):
    a, b = (Training(settings(data, seed=seed), tmp_path).model.state_dict() for seed in (1, 2))
    assert not torch.equal(a["model.stem.conv.weight"], b["model.stem.conv.weight"])
    c = Training(settings(data, seed=1), tmp_path).model.state_dict()
    assert all(torch.equal(c[name], tensor) for name, tensor in a.items())


def test_scores_on_the_way_are_of_the_stage_that_is_trained(data, tmp_path):
    """And scoring starts no quantiser: what is scored does not decide what is trained."""
    training = Training(settings(data), tmp_path)
    for _ in range(2):
        training.run_epoch(training.model, tiny.NoBar())
        row = training.row()  # not scored
        assert "ap50" not in row
        training.epoch, training.step = training.epoch + 1, 0
    training.settings = settings(data, score_every=1)
    training.epoch, training.step = 0, training.batches.steps
    assert training.row()["ap50"] >= 0
    taps = [m for m in training.result.modules() if hasattr(m, "started") and m.bits > 1]
    assert not any(tap.enabled for tap in taps)
    assert not any(tap.started for tap in taps)
    assert training.recipe.stages[0].quantised == {BINARY_ACTIVATIONS}


def test_what_is_kept_is_the_average(data, tmp_path):
    training = Training(settings(data, recipe="ema-qc"), tmp_path)
    assert isinstance(training.average, Average)
    assert training.result is training.average.model
    assert Training(settings(data, recipe="lsq"), tmp_path).average is None


def test_a_loss_that_is_no_number(data, tmp_path):
    training = Training(settings(data, recipe="float"), tmp_path)
    with torch.no_grad():
        training.model.model["stem"].conv.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="the loss is nan in epoch 0, step 0; train with a low"):
        training.run_epoch(training.model, tiny.NoBar())


def test_starts_from_other_weights(data, tmp_path):
    first = Training(settings(data, recipe="float", epochs=1), tmp_path / "float")
    begin(first.settings, first.folder, resume=False)
    first.run()
    second = Training(settings(data, weights=str(tmp_path / "float"), seed=7), tmp_path / "mpq")
    mine, other = (t.state_dict()["model.layer2.conv.weight"] for t in (second.model, first.result))
    assert torch.equal(mine, other)


def test_folders_are_used_once(data, tmp_path):
    first = settings(data)
    check_folder(first, tmp_path / "new", resume=False)
    begin(first, tmp_path / "new", resume=False)
    for resume in (False, True):
        check_folder(first, tmp_path / "newer", resume=resume)
    check_folder(first, tmp_path / "new", resume=True)
    with pytest.raises(TrainingError, match="already holds a training; go on with --resume, or"):
        begin(first, tmp_path / "new", resume=False)
    with pytest.raises(TrainingError, match="a training whose epochs is 8, not 9; go on with the"):
        begin(settings(data, epochs=9), tmp_path / "new", resume=True)
    (tmp_path / "file").touch()
    with pytest.raises(TrainingError, match="file: cannot be written"):
        begin(first, tmp_path / "file", resume=False)
