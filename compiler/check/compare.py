"""Codes of the integer network against the float reference, tensor by tensor."""

import numpy as np

from golden.network import Network, Tensor


def codes_of(values: np.ndarray, tensor: Tensor) -> np.ndarray:
    """Codes int64 that float values [1, C, H, W] (or [C, H, W]) of a tensor stand for."""
    values = values.reshape(tensor.shape)
    return np.rint((values / tensor.scale - tensor.offset) / tensor.step).astype(np.int64)


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
        if output.name not in reference:
            continue
        scale, bias = output.scale[:, None, None], output.bias[:, None, None]
        values = reference[output.name].reshape(results[output.tensor].shape)
        # A channel of scale 0 shows nothing of its sums.
        sums = np.rint((values - bias) / np.where(scale == 0, 1, scale))
        differs = (sums != results[output.tensor]) & (scale != 0)
        found[output.tensor] = int(differs.sum())
    return found
