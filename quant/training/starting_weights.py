"""Starting weights from elsewhere: a training of ours, a state dict, or an ONNX file."""

from pathlib import Path

import torch
from onnx import numpy_helper
from torch import Tensor, nn

from quant.errors import TrainingError
from quant.exports.onnx_file import read_onnx
from quant.model.layers import Conv
from quant.runs.run_folder import load


def read_weights(path: Path) -> dict[str, Tensor]:
    """Named tensors from ``.onnx``, a folder of ours, or a file with a state dict."""
    if path.is_dir():
        path = path / "final.pt"
    if path.suffix == ".onnx":
        return {
            i.name: torch.from_numpy(numpy_helper.to_array(i).copy())
            for i in read_onnx(path).graph.initializer
        }
    record = load(path)
    record = record.get("model", record) if isinstance(record, dict) else record
    if not isinstance(record, dict) or not all(isinstance(v, Tensor) for v in record.values()):
        raise TrainingError(f"{path}: no state dict, nor a dict with one under 'model'")
    return record


def _spelling(name: str) -> list[str]:
    """Names that a tensor may have elsewhere: YOLOv5 has its detection layers without ``conv``."""
    return [name, name.replace(".conv.weight", ".weight"), name.replace(".conv.bias", ".bias")]


@torch.no_grad()
def load_matching(model: nn.Module, weights: dict[str, Tensor]) -> tuple[int, int]:
    """Copy every tensor whose name and shape fit; return how many did, of how many there are.

    A convolution with a bias and no normalisation in ``weights`` (exporters fold them) leaves
    its bias in the normalisation here. Quantisers choose their steps anew: those of another recipe
    or width may fit by name and shape as well. Raises :class:`TrainingError` where nothing fits.
    """
    state = model.state_dict()
    matched = 0
    for name, tensor in state.items():
        if name.endswith(".started"):
            continue
        for other in _spelling(name):
            if other in weights and weights[other].shape == tensor.shape:
                tensor.copy_(weights[other])
                matched += 1
                break
    for name, module in model.named_modules():
        bias = weights.get(f"{name}.conv.bias")
        if not isinstance(module, Conv) or bias is None or f"{name}.bn.weight" in weights:
            continue
        if bias.shape == module.bn.bias.shape:
            module.bn.bias.copy_(bias)
            # Folded: the normalisation must change nothing else.
            module.bn.weight.copy_(torch.sqrt(module.bn.running_var + module.bn.eps))
    if not matched:
        raise TrainingError("no tensor of the starting weights fits this network by name and shape")
    return matched, len(state)
