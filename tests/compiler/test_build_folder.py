"""The build folder on disk: recognised by its content, sealed, and never in the way of others."""

import json
import os
import subprocess
import sys

import onnx
import pytest

from arch.machine import TINY
from compiler.__main__ import main
from compiler.build_folder import check_output, read_build, write_build
from compiler.flow import compile_file
from compiler.output_folder import OutputError
from tests.compiler.test_output_folder import tree
from tests.random_networks.graphs import random_model


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model" / "small.onnx"
    path.parent.mkdir()
    onnx.save(random_model(3), path)
    return path


def build(model, folder):
    return write_build(compile_file(model, TINY), folder, model, input_scale=1 / 255, verilog=False)


def test_a_build_replaces_a_build_and_keeps_the_rest(tmp_path, model):
    folder = build(model, tmp_path / "out")
    (folder / "boxes.png").write_bytes(b"picture")
    first = tree(folder)
    build(model, folder)
    assert tree(folder) == first
    read_build(folder)


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", "null", "5", "no JSON", '{"format": "onefour build"}',
     '{"format": "onefour build", "files": {}, "fingerprint": "0"}', "[" * 100000],
)  # fmt: skip
def test_a_manifest_of_others_is_not_a_build(tmp_path, model, content):
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    (web / "manifest.json").write_text(content)
    (web / "src" / "index.html").write_text("x")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="not a build folder"):
        build(model, web)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["program.bin", "model.onnx", "accelerator.v"])
def test_a_file_that_the_build_did_not_write_is_not_replaced(tmp_path, model, name):
    folder = build(model, tmp_path / "out")
    (folder / name).write_text("mine now")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match=name):
        build(model, folder)
    assert tree(tmp_path) == before


def test_a_changed_manifest_is_not_replaced(tmp_path, model):
    folder = build(model, tmp_path / "out")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"note": "mine"}))
    with pytest.raises(OutputError, match="not a build folder"):
        check_output(folder)


def test_command_refuses_before_it_compiles(tmp_path, model, monkeypatch, capsys):
    """Also a damaged model: the place is looked at first."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("x")
    before = tree(tmp_path)
    for output in (".", "", "taken", "model", "/proc/x"):
        assert main(["build", str(model), "--machine", "tiny", "-o", output]) == 2
        message = capsys.readouterr().err
        assert message.startswith("onefour: ")
        assert len(message.splitlines()) == 1
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", [".", "/", ""])
def test_a_model_without_a_name(capsys, name):
    assert main(["build", name, "--machine", "tiny"]) == 2
    assert "not a file. Give the path of an ONNX file" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["manifest.json", "program.bin"])
def test_pipes_in_a_build_are_not_read(tmp_path, model, name, capsys):
    folder = tmp_path / "build"
    given = ["build", str(model), "--machine", "tiny", "--no-verilog", "-o", str(folder)]
    assert main(given) == 0
    (folder / name).unlink()
    os.mkfifo(folder / name)
    for command in (given, ["disassemble", str(folder)]):
        assert main(command) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_weights_of_other_files_are_kept_in_the_build(tmp_path, model):
    loaded = onnx.load(model)
    outside = tmp_path / "outside" / "model.onnx"
    outside.parent.mkdir()
    onnx.save(
        onnx.load(model), outside, save_as_external_data=True, location="weights", size_threshold=0
    )
    folder = build(outside, tmp_path / "out")
    for path in outside.parent.iterdir():
        path.unlink()
    network = read_build(folder).network
    assert network.outputs
    inside = onnx.load(folder / "model.onnx")
    assert [onnx.numpy_helper.to_array(t).tolist() for t in inside.graph.initializer] == [
        onnx.numpy_helper.to_array(t).tolist() for t in loaded.graph.initializer
    ]


@pytest.mark.slow
def test_two_builds_at_once(tmp_path, model):
    command = [sys.executable, "-m", "compiler", "build", str(model), "--machine", "tiny",
               "--no-verilog", "-o", str(tmp_path / "out")]  # fmt: skip
    for process in [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(3)]:
        assert process.wait() == 0
    read_build(tmp_path / "out")
    assert not list(tmp_path.glob(".onefour-*"))
