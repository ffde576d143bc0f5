"""``python -m quant distil``."""

import onnx
import pytest

pytest.importorskip("torch")

import torch

import quant.__main__
from compiler.frontend.pipeline import read_network
from tests.samples.float_net import branched, pictures_in


def run(*arguments: object) -> int:
    return quant.__main__.main(["distil", *map(str, arguments)])


def test_file_to_file(tmp_path, capfd):
    model, data = branched("leaky").save(tmp_path), pictures_in(tmp_path / "pictures")
    target = tmp_path / "distilled.onnx"
    given = ["--data", data, "-o", target, "--steps", 10, "--batch", 2, "--pictures", 4]
    assert run(model, *given, "--bits", "w3a4", "--no-correction") == 0
    told = capfd.readouterr().out
    assert "4 pictures and their mirror images, 10 steps of 2; weights of 3 bits" in told
    assert f"next: compiler build {target}" in told
    integers = read_network(target)
    bits = {t.bits for name, t in integers.tensors.items() if name != integers.input}
    assert bits == {4}
    (made,) = (
        entry.value for entry in onnx.load(target).metadata_props if entry.key == "quantised"
    )
    assert (
        "distilled: steps 10, batch 2, rate 0.005, ema 0.98, correction 0, maps 1, seed 0, torch 2"
        in made
    )
    assert run(model, "--data", data, "-o", model) == 2
    assert "is the float network itself" in capfd.readouterr().err
    assert run(target, "--data", data, "-o", tmp_path / "again.onnx") == 2
    assert "is quantised already" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        run(model, "--data", data, "-o", target, "--bits", "30fps")
    assert "such as w4a4, not '30fps'" in capfd.readouterr().err


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_trains_on_the_processor_where_there_is_no_gpu(tmp_path, monkeypatch, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model, data = branched("relu").save(tmp_path), pictures_in(tmp_path / "pictures")
    target = tmp_path / "distilled.onnx"
    given = ["--data", data, "-o", target, "--steps", 1, "--batch", 1, "--pictures", 1]
    assert run(model, *given, "--device", device) == 0
    (made,) = (
        entry.value for entry in onnx.load(target).metadata_props if entry.key == "quantised"
    )
    assert made.endswith(f", torch {torch.__version__}, cpu")


def test_a_gpu_that_is_asked_for_and_not_there_is_an_error(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model, data = branched("relu").save(tmp_path), pictures_in(tmp_path / "pictures")
    target = tmp_path / "distilled.onnx"
    assert run(model, "--data", data, "-o", target, "--device", "cuda") == 2
    assert "--device cuda: torch" in (told := capfd.readouterr().err)
    assert "finds no GPU on this computer; leave --device out" in told
    assert len(told.splitlines()) == 1
    assert not target.exists()
