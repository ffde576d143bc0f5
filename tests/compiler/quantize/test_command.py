"""``python -m compiler quantize`` and ``build --quantize``."""

import argparse
import json
import re
from pathlib import Path

import onnx
import pytest

import compiler.__main__
from compiler.build_folder import read_build
from compiler.frontend.pipeline import read_network
from compiler.quantize.command import pictures_of
from compiler.quantize.float_network import read_float_network
from tests.samples.float_net import branched, pictures_in
from tests.samples.small_onnx import quantised_net


@pytest.fixture
def model(tmp_path) -> Path:
    return branched("relu").save(tmp_path)


@pytest.fixture
def data(tmp_path) -> Path:
    return pictures_in(tmp_path / "pictures")


def run(*arguments: object) -> int:
    return compiler.__main__.main([str(argument) for argument in arguments])


def test_file_to_file(model, data, tmp_path, capfd):
    target = tmp_path / "new" / "w4a8.onnx"
    assert run("quantize", model, "--data", data, "-o", target, "--weights", 4) == 0
    captured = capfd.readouterr()
    assert "7 convolutions, weights of 4 bits (first 8, last 8), activations of 8" in captured.out
    assert f"next: python -m compiler build {target}\n" in captured.out
    assert captured.out.count("dB above its error") == 2
    assert "6 pictures; about 100 show better" in captured.err
    assert {t.bits for t in read_network(target).tensors.values()} == {8}
    assert [output.name for output in onnx.load(target).graph.output] == ["t12", "t15"]


def test_side_car_goes_with_the_file(model, data, tmp_path):
    """What it says of pictures is done, and it stands beside the result."""
    record = {
        "classes": ["a"], "strides": [1], "anchors": [[[1, 1]]],
        "input": {"colour": "bgr", "scale": 1},
    }  # fmt: skip
    model.with_suffix(".json").write_text(json.dumps(record))
    target = tmp_path / "coloured.onnx"
    assert run("quantize", model, "--data", data, "-o", target) == 0
    assert json.loads(target.with_suffix(".json").read_text()) == record
    scales = {t.name: t for t in onnx.load(target).graph.initializer}
    assert onnx.numpy_helper.to_array(scales["x_scale"]) == 1


def test_files_with_class_names_take_letterboxed_pictures(model, data, tmp_path):
    """As exporters write them, and as boxes are brought back to the picture."""
    named = onnx.load(model)
    onnx.helper.set_model_props(named, {"names": "{0: 'cat'}"})
    path = tmp_path / "named.onnx"
    onnx.save(named, path)
    arguments = argparse.Namespace(data=data)
    fits = [pictures_of(read_float_network(each), None, arguments).fit for each in (model, path)]
    assert fits == ["stretch", "letterbox"]


def test_build_quantises_first(model, data, tmp_path, capfd):
    folder = tmp_path / "build"
    given = ["--machine", "tiny", "--no-verilog", "-o", folder]
    assert run("build", model, "--quantize", "w4a4", "--data", data, *given) == 0
    told = capfd.readouterr().out
    assert told.startswith(f"{model}: float; ")
    assert f"{model}, quantised: QCDQ; " in told
    assert "one picture computed alike by ONNX graph, network and program" in told
    assert told.endswith(f"next: python -m golden run {folder} --image PICTURE\n")
    network = read_build(folder).network
    bits = {t.bits for name, t in network.tensors.items() if name != network.input}
    assert (network.name, bits) == ("small", {4})


def test_bits_by_budget(model, data, tmp_path, capfd):
    """From the file to the plot, and by ``build`` in one step."""
    target, given = tmp_path / "chosen.onnx", ["--machine", "tiny", "--data", data]
    limit = ["--budget", "24kcycles", "--choices", "8,4"]
    assert run("quantize", model, *given, *limit, "-o", target) == 0
    told = capfd.readouterr().out
    assert "budget 24kcycles: mixture" in told
    assert "<svg" in target.with_suffix(".svg").read_text()
    assert {t.bits for t in read_network(target).tensors.values()} <= {4, 8}
    folder = tmp_path / "build"
    built = ["--quantize", "24kcycles", "--no-verilog", "-o", folder]
    assert run("build", model, *given, *built) == 0
    told = capfd.readouterr().out
    assert "one picture computed alike" in told
    assert "budget 24kcycles: mixture" in told
    cycles = int(re.search(r"mixture \d+ +(\d+) cycles", told)[1])
    assert re.search(rf"^total +{cycles} ", told, re.MULTILINE)
    assert run("quantize", model, *given, "--budget", "1kcycles", "-o", tmp_path / "no.onnx") == 2
    assert "and the least that bits of 3, 4, 6, 8 give is" in capfd.readouterr().err
    assert not (tmp_path / "no.onnx").exists()
    assert run("quantize", model, *given, "--plot", tmp_path / "no.svg", "-o", target) == 2
    assert "--plot: shows what --budget chose" in capfd.readouterr().err


def test_messages(model, data, tmp_path, capfd):
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "text.txt"
    text.write_text("text")
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "a.jpg").write_text("no picture")
    net, x = quantised_net()
    net.head(x, 8)
    (tmp_path / "other").mkdir()
    quantised = net.save(tmp_path / "other")
    target = tmp_path / "out.onnx"
    cases = [
        ([model, "--data", tmp_path / "none", "-o", target], "none: no such folder; name one"),
        ([model, "--data", text, "-o", target], "is not a folder; expected one with pictures"),
        ([model, "--data", empty, "-o", target], "has no pictures; expected about 100"),
        ([model, "--data", broken, "-o", target], "a.jpg: not a picture that Pillow can read"),
        ([model, "--data", data, "-o", tmp_path / "out"], "give it a name in .onnx"),
        ([model, "--data", data, "-o", model], "is the float network itself"),
        ([quantised, "--data", data, "-o", target], "is quantised already"),
        ([text, "--data", data, "-o", target], "not an ONNX file"),
    ]
    for arguments, message in cases:
        assert run("quantize", *arguments) == 2
        captured = capfd.readouterr()
        # Behind the remark that there are few pictures.
        told = captured.err.splitlines()[-1]
        assert told.startswith("onefour: ")
        assert message in told
        assert not target.exists()
    assert run("build", model, "--quantize", "w8a8") == 2
    assert "needs pictures to look at: name their folder with --data" in capfd.readouterr().err
    assert run("build", model, "--data", data) == 2
    assert "with --quantize only" in capfd.readouterr().err
    with pytest.raises(SystemExit):
        run("build", model, "--quantize", "w9a1", "--data", data)
    assert "2 to 8, such as w8a8 or w4a4, or a budget such as 30fps" in capfd.readouterr().err
