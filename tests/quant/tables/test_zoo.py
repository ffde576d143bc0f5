"""The table of exported networks: scores from the side-car, cycles from the compiler."""

import json

import pytest

pytest.importorskip("torch")

from arch.machine import machine_named
from arch.memory import memory_named
from compiler.flow import compile_file
from quant.errors import TrainingError
from quant.exports.export import description, example
from quant.exports.export_qonnx import export
from quant.tables.zoo import zoo
from tests.quant import tiny

TRAINING = {
    "name": "lsq W4A4", "data": "cells", "split": "test", "pictures": 7, "ap50": 0.5,
    "bits": ["W4A4"], "weight_bytes": 1000, "bops": 10**9, "command": "python -m quant train x",
}  # fmt: skip


def test_scores_and_cycles_of_a_network(tmp_path):
    model = tiny.detector("lsq").eval()
    path = tmp_path / "cells.onnx"
    export(model, path, example(model), model.task.output_names)
    path.with_suffix(".json").write_text(
        json.dumps(description(model, "letterbox") | {"training": TRAINING})
    )
    text = zoo([path], tmp_path / "docs")
    assert "[cells](../cells.onnx)" in text
    assert "| 50.0 |" in text
    assert "    python -m quant train x" in text
    for name in ("ecp5_25f", "ecp5_85f"):
        for memory in ("ideal", "sdr16_133"):
            compiled = compile_file(path, machine_named(name), memory_named(memory))
            assert f"{compiled.prediction.cycles:,} (" in text
            assert f"cycles on {name}, memory {memory} (" in text


def test_a_network_without_scores_is_named(tmp_path):
    with pytest.raises(TrainingError, match=r"a\.json: has no training record"):
        zoo([tmp_path / "a.onnx"])
