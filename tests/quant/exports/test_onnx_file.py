"""Files that are ONNX, and others."""

import onnx
import pytest

pytest.importorskip("torch")

from quant.errors import TrainingError
from quant.exports.onnx_file import read_onnx


def test_files(tmp_path):
    model = onnx.helper.make_model(onnx.helper.make_graph([], "empty", [], []))
    onnx.save(model, tmp_path / "a.onnx")
    assert read_onnx(tmp_path / "a.onnx") == model
    (tmp_path / "b.onnx").write_bytes(b"no network")
    with pytest.raises(TrainingError, match=r"b.onnx: not an ONNX file"):
        read_onnx(tmp_path / "b.onnx")
    with pytest.raises(FileNotFoundError):
        read_onnx(tmp_path / "c.onnx")
