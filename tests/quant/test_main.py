"""The command line: whole trainings, and one message for everything that may be wrong."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")
pytest.importorskip("tensorboard")

import torch

from quant.__main__ import main
from quant.runs.run_folder import FINAL, SETTINGS, save_final
from quant.runs.settings import Settings
from tests.quant import tiny

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny.write_data(tmp_path_factory.mktemp("data"), {"train": 6, "val": 3, "test": 2})


def arguments(where, out, **options) -> list[str]:
    options = {
        "data": where, "out": out, "recipe": "lsq", "model": "plain32", "size": "96x64",
        "batch": 3, "epochs": 1, "threads": 1,
    } | options  # fmt: skip
    return ["train", *(f"--{name.replace('_', '-')}={value}" for name, value in options.items())]


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    """The folder of a training on the command line."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    assert main(arguments(data, folder)) == 0
    return folder


def error(capsys, given: list) -> str:
    """The one message of a command that fails."""
    assert main([str(each) for each in given]) == 2
    lines = capsys.readouterr().err.splitlines()
    messages = [line for line in lines if line.startswith("onefour: ")]
    assert messages == lines[-1:]
    assert "Traceback" not in lines
    return messages[0]


def test_evaluates(trained, tmp_path, capsys):
    assert (
        main(["eval", str(trained), "--split", "test", "--record", str(tmp_path / "a.json")]) == 0
    )
    out = capsys.readouterr().out
    assert "on test (2 pictures)" in out
    record = json.loads((tmp_path / "a.json").read_text())
    assert (record["split"], record["pictures"]) == ("test", 2)
    assert set(record["class_ap50"]) == set(tiny.NAMES)
    told = re.search(r"AP50 ([\d.]+), AP ([\d.]+) on test", out).groups()
    assert [float(each) for each in told] == pytest.approx([record["ap50"], record["ap"]], abs=1e-4)


def test_exports_and_checks(trained, data, tmp_path, capsys):
    file = tmp_path / "net" / "a.onnx"
    assert main(["export", str(trained), "--out", str(file)]) == 0
    assert capsys.readouterr().out.split() == [str(file), str(file.with_suffix(".json"))]
    picture = data.parent / "images" / "test" / "0.png"
    assert main(["check", str(trained), str(file), "--image", str(picture)]) == 0
    assert " 0 differ" in capsys.readouterr().out.splitlines()[-1]


def test_scores_a_build_like_the_network(trained, data, tmp_path, capsys):
    """The program of the compiled network, on the golden machine."""
    from arch.machine import machine_named
    from compiler.build_folder import write_build
    from compiler.flow import compile_file

    file = tmp_path / "a.onnx"
    assert main(["export", str(trained), "--out", str(file)]) == 0
    compiled = compile_file(file, machine_named("tiny"))
    write_build(compiled, tmp_path / "build", file, input_scale=1 / 255, verilog=False)
    scores = []
    for name, more in (("a", []), ("b", ["--build", str(tmp_path / "build")])):
        record = tmp_path / f"{name}.json"
        given = ["eval", str(trained), "--split", "test", "--record", str(record), *more]
        assert main(given) == 0
        scores.append(json.loads(record.read_text()))
    for key in ("pictures", "ap50", "ap", "class_ap50"):
        assert scores[0][key] == scores[1][key]
    # A build of a network for wider pictures is not this one's.
    shutil.copytree(trained, tmp_path / "wide")
    told = (tmp_path / "wide" / SETTINGS).read_text()
    (tmp_path / "wide" / SETTINGS).write_text(told.replace('"width": 96', '"width": 128'))
    record = torch.load(tmp_path / "wide" / FINAL)
    record["task"]["width"] = 128
    torch.save(record, tmp_path / "wide" / FINAL)
    given = ["eval", tmp_path / "wide", "--split", "test", "--build", tmp_path / "build"]
    assert "takes pictures of 96 x 64 and gives detect16, detect8" in error(capsys, given)


def test_tells_costs_and_plots(trained, tmp_path, capsys):
    assert main(["cost", str(trained)]) == 0
    out = capsys.readouterr().out
    assert "W4A8" in out
    assert "8.0x smaller than float" in out
    assert main(["cost", "--model", "plain32", "--recipe", "mpq", "--size", "64x64"]) == 0
    assert "bytes (14.5x smaller than float)" in capsys.readouterr().out.splitlines()[-1]
    assert main(["curves", str(trained), str(trained), "--out", str(tmp_path / "a.png")]) == 0
    assert (tmp_path / "a.png").stat().st_size > 1000


def test_resume_without_a_checkpoint_begins(data, trained, tmp_path):
    assert main([*arguments(data, tmp_path / "new"), "--resume"]) == 0
    assert (tmp_path / "new" / FINAL).exists()
    (tmp_path / "killed").mkdir()
    shutil.copy(trained / SETTINGS, tmp_path / "killed")
    assert main([*arguments(data, tmp_path / "killed"), "--resume"]) == 0
    a, b = (torch.load(tmp_path / name / FINAL)["model"] for name in ("new", "killed"))
    assert all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"data": "nowhere/data.yaml"}, "nowhere/data.yaml: cannot be read (No such file or dir"),
        ({"recipe": "lsqq"}, "no recipe 'lsqq'; there are float, minmax, dorefa, lsq, "),
        ({"model": "yolov9"}, "no model 'yolov9'; there are yolov5pico, "),
        ({"bits": 5}, "recipe 'lsq' knows 4, 2, 3, 8 bits, not 5"),
        ({"size": "96x60"}, "input of 96 x 60 pixels: both sides must be multiples of 16"),
        ({"size": "96x48", "model": "yolov5n"}, "both sides must be multiples of 32"),
        ({"batch": 1}, "the batch has 1 pictures; expected at least 2"),
        ({"size": "0x0"}, "height is 0; expected at least 1"),
        ({"size": "-96x64"}, "width is -96; expected at least 1"),
        ({"threads": -1}, "threads is -1; expected at least 1"),
        ({"seed": 10**20}, "seed is 100000000000000000000; expected at most"),
        ({"seed": -1}, "seed is -1; expected at least 0"),
        ({"epochs": 0}, "epochs is 0; expected at least 1"),
        ({"score_every": 0}, "score_every is 0; expected at least 1"),
        ({"rate": 0}, "rate is 0.0; expected more than 0"),
        ({"weights": "nowhere.pt"}, "nowhere.pt: no such file"),
        ({"weights": __file__}, "test_main.py: not a file of this program"),
    ],
)
def test_wrong_trainings(options, text, data, tmp_path, capsys):
    assert text in error(capsys, arguments(data, tmp_path / "run", **options))
    assert not (tmp_path / "run").exists(), "the next try needs no --resume"


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"labels/train/1.txt": "0 0.5 0.5 0.1"}, "labels/train/1.txt:1: has 4 fields; expected 5"),
        ({"labels/val/2.txt": "\n2 .5 .5 .1 .1"}, "labels/val/2.txt:2: class is 2; the data set"),
        ({"images/train/3.png": "no picture"}, "images/train/3.png"),
        ({"data.yaml": "train: empty\nval: images/val\nnames: [a, b]"}, "empty, which is not ther"),
        ({"data.yaml": "train: [\n"}, "data.yaml: not YAML"),
        ({f"labels/train/{n}.txt": "" for n in range(6)}, "the training split has no boxes"),
    ],
    ids=lambda change: next(iter(change)) if isinstance(change, dict) else "",
)
def test_wrong_data_sets(change, text, data, tmp_path, capsys):
    shutil.copytree(data.parent, tmp_path / "data")
    for name, content in change.items():
        (tmp_path / "data" / name).write_text(content)
    given = arguments(tmp_path / "data" / "data.yaml", tmp_path / "run")
    assert text in error(capsys, given)


def test_options_that_a_recipe_has_not(data, tmp_path, capsys):
    given = [*arguments(data, tmp_path / "run"), "--no-ema"]
    assert "recipe 'lsq' has no part 'ema' to change; it has none" in error(capsys, given)


def test_a_data_set_that_has_changed(data, tmp_path, capsys):
    shutil.copytree(data.parent, tmp_path / "data")
    path = tmp_path / "data" / "data.yaml"
    given = arguments(path, tmp_path / "run", checkpoint_seconds=0)
    assert main(given) == 0
    path.write_text(path.read_text().replace("names: [", "names: [new, "))
    message = error(capsys, [*given, "--resume"])
    assert "checkpoint.pt: is not of this training" in message


def test_an_empty_split(data, tmp_path, capsys):
    shutil.copytree(data.parent, tmp_path / "data")
    shutil.rmtree(tmp_path / "data" / "images" / "val")
    (tmp_path / "data" / "images" / "val").mkdir()
    shutil.rmtree(tmp_path / "data" / "labels" / "val")
    message = error(capsys, arguments(tmp_path / "data" / "data.yaml", tmp_path / "run"))
    assert "'val' is" in message
    assert "has no pictures; expected at least one" in message


def test_folders_that_are_taken(data, trained, tmp_path, capsys):
    message = error(capsys, arguments(data, trained))
    assert "already holds a training; go on with --resume, or choose another --out" in message
    message = error(capsys, [*arguments(data, trained, epochs=5), "--resume"])
    assert "holds a training whose epochs is 1, not 5" in message
    (tmp_path / "file").touch()
    assert "file: cannot be written" in error(capsys, arguments(data, tmp_path / "file"))


def test_trainings_that_are_none(data, trained, tmp_path, capsys):
    run = tmp_path / "run"
    assert f"{run / SETTINGS}: no such file; is its" in error(capsys, ["eval", run])
    run.mkdir()
    shutil.copy(trained / SETTINGS, run)
    message = error(capsys, ["eval", run])
    assert f"{run / FINAL}: no such file; has the training ended?" in message
    assert "give either" in error(capsys, ["cost", run, "--model", "plain32", "--recipe", "lsq"])
    assert "give either" in error(capsys, ["cost", "--model", "plain32"])
    given = ["cost", "--model", "plain32", "--recipe", "lsq"]
    assert "multiples of 16" in error(capsys, [*given, "--size", "0x64"])
    with pytest.raises(SystemExit):
        main([*given, "--classes", "-3"])
    assert "argument --classes: must be from 1 to 65536, not '-3'" in capsys.readouterr().err
    for command in (["cost", run], ["export", run, "--out", run / "a.onnx"]):
        assert error(capsys, command) == message
    (run / FINAL).write_bytes((trained / FINAL).read_bytes()[:5000])
    assert f"{run / FINAL}: not a file of this program" in error(capsys, ["eval", run])
    assert "no log.csv with a row" in error(capsys, ["curves", run, "--out", run / "a.png"])


def test_wrong_evaluations(trained, tmp_path, capsys):
    given = ["eval", trained, "--split", "train2"]
    assert "the data set has no split 'train2', only train, val, test" in error(capsys, given)
    (tmp_path / "file").touch()
    given = ["eval", trained, "--record", tmp_path / "file" / "a.json"]
    message = error(capsys, given)
    assert "file" in message
    assert "Not a directory" in message or "File exists" in message
    assert "nowhere" in error(capsys, ["eval", trained, "--build", tmp_path / "nowhere"])
    given = ["eval", trained, "--data", tmp_path / "data.yaml"]
    assert "data.yaml: cannot be read" in error(capsys, given)


def test_wrong_checks(trained, data, tmp_path, capsys):
    picture = data.parent / "images" / "test" / "0.png"
    given = ["check", trained, tmp_path / "a.onnx", "--image", picture]
    assert "a.onnx: No such file or directory" in error(capsys, given)
    (tmp_path / "a.onnx").write_bytes(b"\xff\xff not ONNX")
    assert "a.onnx: not an ONNX file" in error(capsys, given)
    given[-1] = tmp_path / "b.png"
    assert "b.png" in error(capsys, given)


def test_networks_that_are_not_exported(data, tmp_path, capsys):
    settings = Settings(data=str(data), recipe="float", model="plain32", height=64, width=96)
    (tmp_path / SETTINGS).write_text(settings.to_json())
    save_final(tiny.detector("float", "plain32"), tmp_path)
    message = error(capsys, ["export", tmp_path, "--out", tmp_path / "a.onnx"])
    assert "recipe 'float' quantises nothing to export" in message


def test_eight_bits_are_refused_by_the_compiler_in_one_line(data, tmp_path, capsys):
    from compiler.__main__ import main as compiler_main

    assert main(arguments(data, tmp_path / "run", recipe="minmax", bits=8)) == 0
    assert main(["export", str(tmp_path / "run"), "--out", str(tmp_path / "a.onnx")]) == 0
    capsys.readouterr()
    given = ["build", str(tmp_path / "a.onnx"), "-o", str(tmp_path / "build"), "--no-verilog"]
    assert compiler_main(given) == 2
    (message,) = capsys.readouterr().err.splitlines()
    assert "8" in message
    assert not (tmp_path / "build").exists()


def run(*given: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "quant", *given],
        cwd=ROOT,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_as_a_program():
    ended = run("train", "--data", "nowhere.yaml", "--recipe", "lsq", "--out", "nowhere")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("onefour: ")
    assert not (ROOT / "nowhere").exists()


@pytest.mark.parametrize("given", [["train", "--size", "96"], ["train"], ["fly"], []])
def test_wrong_usage(given, capsys):
    with pytest.raises(SystemExit) as caught:
        main(given)
    assert caught.value.code == 2
    assert "error: " in capsys.readouterr().err.splitlines()[-1]
