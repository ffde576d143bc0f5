"""What the tensors of a float network hold when it sees pictures: onnxruntime runs it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import onnxruntime
from onnx import ModelProto, TensorProto, helper

SAMPLES = 2048
"""Elements of a tensor that are kept of each picture."""


def session(model: ModelProto, threads: int) -> onnxruntime.InferenceSession:
    """The network on the CPU, as onnxruntime runs it by default."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def with_outputs(model: ModelProto, tensors: Iterable[str]) -> ModelProto:
    """The model whose results are these float tensors, and that computes nothing else."""
    told = ModelProto()
    told.CopyFrom(model)
    wanted = list(dict.fromkeys(tensors))
    del told.graph.output[:]
    told.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in wanted
    )
    needed, kept = set(wanted), []
    for node in reversed(model.graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
            kept.append(node)
    del told.graph.node[:]
    told.graph.node.extend(kept[::-1])
    held = [tensor for tensor in model.graph.initializer if tensor.name in needed]
    del told.graph.initializer[:]
    told.graph.initializer.extend(held)
    return told


def values(
    model: ModelProto, tensors: Iterable[str], inputs: Iterable[np.ndarray], threads: int
) -> Iterator[dict[str, np.ndarray]]:
    """For each input the float32 values of the tensors, the input itself among them."""
    name = model.graph.input[0].name
    wanted = [tensor for tensor in dict.fromkeys(tensors) if tensor != name]
    runner = session(with_outputs(model, wanted), threads) if wanted else None
    for image in inputs:
        found = dict(zip(wanted, runner.run(wanted, {name: image}), strict=True)) if runner else {}
        found[name] = image
        yield found


@dataclass(eq=False)
class Observed:
    """``low`` and ``high`` of all pictures, a sample of the values, and of each channel the lowest
    and the highest one, not above and not below 0 (means over the pictures), and the mean.
    """

    low: float
    high: float
    samples: np.ndarray
    lows: np.ndarray
    highs: np.ndarray
    means: np.ndarray

    @property
    def peaks(self) -> np.ndarray:
        """How much of the map's range each channel [C] fills, on the side that it fills most: 1
        is all of it. What is below 0 counts against the map's lowest value, not against the
        highest: behind LeakyReLU that is much nearer to 0, and a channel enlarged beyond it
        would make the range of all larger."""
        sides = [
            side / (end or 1.0)
            for side, end in ((-self.lows, -self.lows.min()), (self.highs, self.highs.max()))
        ]
        return np.maximum(*sides)


def observe(
    model: ModelProto,
    tensors: Iterable[str],
    inputs: Iterable[np.ndarray],
    threads: int,
    seed: int = 0,
) -> dict[str, Observed]:
    """What each tensor [1, C, H, W] holds. Samples are drawn evenly; the same for the same seed."""
    rng = np.random.default_rng(seed)
    kept: dict[str, list] = {tensor: [] for tensor in tensors}
    for found in values(model, kept, inputs, threads):
        for tensor, rows in kept.items():
            each = found[tensor].reshape(found[tensor].shape[1], -1)
            flat = each.ravel()
            drawn = flat[rng.integers(0, flat.size, min(SAMPLES, flat.size))]
            ends = flat.min(), flat.max()
            sides = np.minimum(each.min(axis=1), 0), np.maximum(each.max(axis=1), 0)
            rows.append((*ends, drawn, *sides, each.mean(axis=1)))
    return {tensor: _joined(rows) for tensor, rows in kept.items()}


def _joined(rows: list[tuple]) -> Observed:
    low, high, samples, *channels = zip(*rows, strict=True)
    return Observed(
        float(min(low)),
        float(max(high)),
        np.concatenate(samples).astype(np.float32),
        *(np.mean(each, axis=0, dtype=np.float64) for each in channels),
    )
