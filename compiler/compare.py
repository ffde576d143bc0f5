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

    ``results``: of ``golden.execute.run``; ``reference``: of ``compiler.reference``.
    """
    return {
        name: int((results[name] != codes_of(reference[onnx], network.tensors[name])).sum())
        for name, onnx in network.onnx_names.items()
        if onnx in reference
    }
