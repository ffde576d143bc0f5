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
    """The model that also gives some of its inner float tensors."""
    told = ModelProto()
    told.CopyFrom(model)
    there = {value.name for value in told.graph.output}
    there.update(value.name for value in told.graph.input)
    told.graph.output.extend(
        helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        for name in dict.fromkeys(tensors)
        if name not in there
    )
    return told


def values(
    model: ModelProto, tensors: Iterable[str], inputs: Iterable[np.ndarray], threads: int
) -> Iterator[dict[str, np.ndarray]]:
    """For each input the float32 values of the tensors, the input itself among them."""
    tensors = list(dict.fromkeys(tensors))
    runner = session(with_outputs(model, tensors), threads)
    name = runner.get_inputs()[0].name
    wanted = [tensor for tensor in tensors if tensor != name]
    for image in inputs:
        found = dict(zip(wanted, runner.run(wanted, {name: image}), strict=True))
        found[name] = image
        yield found


@dataclass(eq=False)
class Observed:
    """``low`` and ``high`` of all pictures, a sample of the values, and of each channel the largest
    magnitude (mean over the pictures) and the mean.
    """

    low: float
    high: float
    samples: np.ndarray
    peaks: np.ndarray
    means: np.ndarray


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
            rows.append((*ends, drawn, np.abs(each).max(axis=1), each.mean(axis=1)))
    return {tensor: _joined(rows) for tensor, rows in kept.items()}


def _joined(rows: list[tuple]) -> Observed:
    low, high, samples, peaks, means = zip(*rows, strict=True)
    return Observed(
        float(min(low)),
        float(max(high)),
        np.concatenate(samples).astype(np.float32),
        np.mean(peaks, axis=0, dtype=np.float64),
        np.mean(means, axis=0, dtype=np.float64),
    )
