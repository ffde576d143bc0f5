"""``golden run``: a frame without RTL, from the command line's side."""

from pathlib import Path

import numpy as np
import pytest

import golden.__main__
from arch.machine import TINY
from compiler.build_folder import write_build
from compiler.flow import compile_file
from golden.network import Convolution

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "shapes"
PICTURE = str(EXAMPLE / "picture0.png")


def build(folder, compiled=None, side_car=True):
    model = EXAMPLE / "shapes.onnx"
    return write_build(
        compiled or compile_file(model, TINY),
        folder,
        model,
        input_scale=1 / 255,
        side_car=model.with_suffix(".json") if side_car else None,
        verilog=False,
    )


def run(*arguments):
    return golden.__main__.main(["run", *map(str, arguments)])


def test_a_frame_agrees_and_is_drawn(tmp_path, capfd):
    folder = build(tmp_path / "build")
    assert run(folder, "--image", PICTURE, "--draw", tmp_path / "b.png", "--machine-check") == 0
    told = capfd.readouterr().out
    assert "359000 codes: ONNX graph, integer network and program agree" in told
    assert "onnxruntime: not compared" in told
    assert "float64 0  machine 0" in told
    assert told.count("square") == 3
    assert (tmp_path / "b.png").exists()


def test_a_wrong_program_is_named_by_its_first_layer(tmp_path, capfd):
    """A program compiled from a network with one other weight."""
    compiled = compile_file(EXAMPLE / "shapes.onnx", TINY)
    first = next(o for o in compiled.network.operators if isinstance(o, Convolution))
    weights = compiled.plan.jobs[0].encoded.weights[0]
    wrong = np.frombuffer(weights, np.uint8).copy()
    wrong[:8] ^= 0x55
    for number, (address, content) in enumerate(compiled.image.sections):
        if content.startswith(weights):
            changed = wrong.tobytes() + content[len(wrong) :]
            compiled.image.sections[number] = (address, changed)
    folder = build(tmp_path / "build", compiled)
    assert run(folder, "--image", PICTURE) == 1
    message = capfd.readouterr().err
    assert message.startswith("onefour: the program does not compute the network: layer ")
    assert first.output in message
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (["--draw", "x.png"], "no detection description"),
        (["--image", "nowhere.png"], "nowhere.png: no such file"),
        (["--draw", "x.unknown"], "x.unknown"),
    ],
)
def test_mistakes(tmp_path, capfd, monkeypatch, change, text):
    monkeypatch.chdir(tmp_path)
    folder = build(tmp_path / "build", side_car=False)
    assert run(folder, "--image", PICTURE, *change) == 2
    assert text in capfd.readouterr().err


def test_no_build(tmp_path, capfd):
    assert run(tmp_path, "--image", PICTURE) == 2
    assert "not a complete build folder" in capfd.readouterr().err
