"""Codes of the integer network against a reference, tensor by tensor."""

import numpy as np

from golden.network import Network, Output, Tensor

#: How far a float may be from its level, relative to the tensor's largest: float32 constants make a
#: level or a scale inexact, and more than that is another value.
TOLERANCE = 2.0**-18


def whole(values: np.ndarray) -> np.ndarray:
    """The nearest int64; a very negative one for NaN and what is out of range."""
    with np.errstate(invalid="ignore"):
        return np.rint(values).astype(np.int64)


def codes_of(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Codes int64 that float values [1, C, H, W] (or [C, H, W]) of a tensor stand for."""
    values = values.reshape(tensor.shape)
    return whole((values / tensor.scale - tensor.offset) / tensor.step)


def off_grid(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Where values [1, C, H, W] are not those of any code: bool [C, H, W]."""
    values = values.reshape(tensor.shape)
    nearest = tensor.scale * (tensor.step * codes_of(values, tensor) + tensor.offset)
    size = tensor.scale * max(1.0, np.abs(nearest / tensor.scale).max(initial=0))
    return ~(np.abs(values - nearest) <= TOLERANCE * size)


def sums_of(values: np.ndarray, output: Output, shape: tuple) -> np.ndarray:
    """Sums int64 [C, H, W] that float values of a raw output stand for."""
    scale, bias = output.scale[:, None, None], output.bias[:, None, None]
    # A channel of scale 0 shows nothing of its sums.
    return whole((values.reshape(shape) - bias) / np.where(scale == 0, 1, scale))


def differing_outputs(values: np.ndarray, sums: np.ndarray, output: Output) -> np.ndarray:
    """Where float values of a raw output are not those of the sums: bool [C, H, W]."""
    scale, bias = output.scale[:, None, None], output.bias[:, None, None]
    values = values.reshape(sums.shape)
    expected = sums * scale + bias
    size = np.abs(sums * scale).max(axis=(1, 2), keepdims=True, initial=0)
    size = size + np.abs(scale) + np.abs(bias)
    close = np.abs(values - expected) <= TOLERANCE * size
    same = (sums_of(values, output, sums.shape) == sums) | (scale == 0)
    return ~(close & same)


def differing_codes(
    network: Network, results: dict[str, np.ndarray], reference: dict[str, np.ndarray]
) -> dict[str, int]:
    """Number of codes that differ, for every code tensor that has an ONNX tensor.

    ``results``: of ``golden.execute.run``; ``reference``: of ``compiler.check.reference``.
    """
    return {
        name: int((results[name] != codes_of(reference[onnx], network.tensors[name])).sum())
        for name, onnx in network.onnx_names.items()
        if onnx in reference
    }


def differing_sums(
    network: Network, results: dict[str, np.ndarray], reference: dict[str, np.ndarray]
) -> dict[str, int]:
    """Number of integer sums that differ, for every raw output.

    The reference's floats are brought back to sums, v = (float - bias) / scale, and rounded.
    """
    found = {}
    for output in network.outputs:
        if output.name in reference:
            sums = results[output.tensor]
            differs = sums_of(reference[output.name], output, sums.shape) != sums
            found[output.tensor] = int((differs & (output.scale[:, None, None] != 0)).sum())
    return found
