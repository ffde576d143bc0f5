"""The network of depthwise 5 x 5 convolutions: the same each time, and exact with 8 bits."""

import importlib.util
from pathlib import Path

import onnx

import compiler.__main__
from tests.samples.float_net import pictures_in

ROOT = Path(__file__).resolve().parents[2]
SIZE = 32


def _example():
    specification = importlib.util.spec_from_file_location(
        "depthwise5x5", ROOT / "examples" / "depthwise5x5.py"
    )
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_builds_with_8_bits(tmp_path, capfd):
    """Small, so that it takes seconds; ``build`` compares a picture's codes three ways."""
    example = _example()
    model = example.model(SIZE)
    assert model.SerializeToString() == example.model(SIZE).SerializeToString()
    shapes = [[*each.dims] for each in model.graph.initializer]
    assert sum(shape[1:] == [1, 5, 5] for shape in shapes) == len(example.BLOCKS)
    path = tmp_path / "depthwise.onnx"
    onnx.save(model, path)
    pictures = pictures_in(tmp_path / "pictures", size=SIZE)
    given = ["--quantize", "w8a8", "--data", pictures, "--machine", "tiny"]
    given = [*map(str, ["build", path, *given, "-o", tmp_path / "build"])]
    assert compiler.__main__.main(given) == 0
    assert "one picture computed alike by ONNX graph, network and program" in capfd.readouterr().out
