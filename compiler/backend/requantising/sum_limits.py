"""The sums that a convolution can produce, from its weights and its input's codes alone."""

import numpy as np

from golden.network import Convolution, Tensor


def sum_limits(operator: Convolution, tensor: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest sum int64 [out] for any codes of the input ``tensor``."""
    ends = [tensor.offset, tensor.step * ((1 << tensor.bits) - 1) + tensor.offset]
    if any(operator.pads):
        ends.append(operator.pad_value)
    rows = operator.weights.reshape(operator.weights.shape[0], -1).astype(np.int64)
    both = np.stack([rows * min(ends), rows * max(ends)])
    return both.min(axis=0).sum(axis=1), both.max(axis=0).sum(axis=1)
