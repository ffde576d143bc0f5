"""Does the exported file compute what PyTorch computes? Code by code, for every inner tensor.

Both sides are evaluated in float64. Two correct float32 evaluations differ in the last bit, and
where a sum lies within that bit of a threshold they give neighbouring codes; in float64 that does
not happen on real pictures. What the compiler makes of the file is compared with the file by
``python -m sim run``.
"""

import copy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from compiler.check.reference import run_float64
from quant.errors import TrainingError
from quant.exports.onnx_file import read_onnx
from quant.model.detector import Detector
from quant.model.features import Taps
from quant.model.layers import PixelQuant

QUANTISERS = ("Quant", "BipolarQuant")
BYTES = onnx.TensorProto.UINT8


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One tensor: how many of its ``total`` codes (or logits) differ."""

    name: str
    differing: int
    total: int


def tap_values(model: Detector, x: Tensor) -> tuple[list[tuple[Tensor, float]], tuple[Tensor, ...]]:
    """Every quantised tensor in order of computation, with its step, and the logits, in float64."""
    model = copy.deepcopy(model).double().eval()
    found: list[tuple[Tensor, float]] = []

    def keep(module: nn.Module, _inputs: object, value: Tensor) -> None:
        found.append((value, module.spacing()))

    seen = set()
    for module in model.modules():
        taps = module.values() if isinstance(module, Taps) else [module]
        for tap in taps:
            if (isinstance(module, Taps) or isinstance(tap, PixelQuant)) and id(tap) not in seen:
                seen.add(id(tap))
                tap.register_forward_hook(keep)
    with torch.no_grad():
        return found, model(x.double())


def constant_tensors(graph: onnx.GraphProto) -> set[str]:
    """Names of tensors that do not depend on the picture."""
    fixed = {i.name for i in graph.initializer} | {""}
    for node in graph.node:
        if fixed.issuperset(node.input):
            fixed.update(node.output)
    return fixed


def _check_shape(path: Path, name: str, there: np.ndarray, mine: Tensor) -> None:
    if there.shape != tuple(mine.shape):
        raise TrainingError(
            f"{path}: {name} has shape {list(there.shape)}, in the model it is {list(mine.shape)}; "
            f"export it again"
        )


def compare_export(model: Detector, path: Path, pixels: Tensor) -> list[Comparison]:
    """Compare ``model`` with its export for one picture, uint8 [3, h, w].

    Raises :class:`TrainingError` where the file has other tensors than the model.
    """
    graph = read_onnx(path).graph
    x = pixels[None].double() / 255
    taps, logits = tap_values(model, x)
    if model.integer:
        # Every tensor between layers is a Cast to bytes; the picture needs none.
        taps = taps[1:]
        nodes = [n for n in graph.node if n.op_type == "Cast" and n.attribute[0].i == BYTES]
        values = run_float64(str(path), pixels[None].numpy())
    else:
        fixed = constant_tensors(graph)
        nodes = [n for n in graph.node if n.op_type in QUANTISERS and n.input[0] not in fixed]
        values = run_float64(str(path), x.numpy())
    if len(taps) != len(nodes):
        raise TrainingError(
            f"{path}: {len(nodes)} quantised tensors, the model has {len(taps)}; export it again"
        )
    found = []
    for node, (value, scale) in zip(nodes, taps, strict=True):
        _check_shape(path, node.output[0], values[node.output[0]], value)
        unit = 1.0 if model.integer else scale
        apart = np.abs(values[node.output[0]] / unit - value.numpy() / scale) > 0.5
        found.append(Comparison(name=node.output[0], differing=int(apart.sum()), total=apart.size))
    names = model.task.output_names
    units = model.units() if model.integer else [1.0] * len(names)
    for name, mine, unit in zip(names, logits, units, strict=True):
        if name not in values:
            raise TrainingError(f"{path}: has no output {name!r}; export it again")
        _check_shape(path, name, values[name], mine)
        # Logits are sums of codes times a scale: equal codes leave rounding alone.
        apart = np.abs(values[name] * unit - mine.numpy()) > 1e-6 * (1 + np.abs(mine.numpy()))
        found.append(Comparison(name=name, differing=int(apart.sum()), total=apart.size))
    return found
