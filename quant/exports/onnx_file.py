"""ONNX files that a user names."""

from pathlib import Path

import onnx
from onnx import ModelProto

from quant.errors import TrainingError


def read_onnx(path: Path) -> ModelProto:
    """Read a file; :class:`TrainingError` where it is not ONNX, OSError where it is not there."""
    try:
        return onnx.load(str(path))
    except OSError:
        raise
    except Exception as error:  # protobuf and onnx raise classes of their own
        raise TrainingError(f"{path}: not an ONNX file ({error})") from None
