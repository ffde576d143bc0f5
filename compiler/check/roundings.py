"""Where an ONNX file rounds numbers to codes, read from the file."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, numpy_helper

QUANTISERS = {"QuantizeLinear", "Quant", "IntQuant"}
#: Of codes, these give the same codes, or limits of them, or what the codes stand for.
KEEPING = {"Clip", "Min", "Max", "Identity", "Cast", "DequantizeLinear"}
#: A quotient so near a half, in codes, may be rounded either way by float32 arithmetic.
NEAR = 1e-4


@dataclass(frozen=True, eq=False)
class Rounding:
    """The codes are ``source`` / ``scale``, rounded half to even; zero points are whole."""

    source: str
    scale: np.ndarray

    def is_tie(self, numbers: np.ndarray) -> np.ndarray:
        """Whether values of the source, of the tensor's shape, lie on or near a tie."""
        quotient = numbers / self.scale
        return np.abs(quotient - np.floor(quotient) - 0.5) <= NEAR

    def explains(self, numbers: np.ndarray, expected: np.ndarray, found: np.ndarray) -> bool:
        """Whether codes [C, H, W] that differ do so by one, at ties.

        ``numbers``: of the source, float64 [1, C, H, W].
        """
        by_one = np.abs(expected.astype(np.int64) - found) <= 1
        explained = by_one & self.is_tie(numbers).reshape(found.shape)
        return bool(explained[expected != found].all())


def constants_of(model: ModelProto) -> dict[str, np.ndarray]:
    """Initialisers, and results of Constant nodes."""
    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def roundings(model: ModelProto) -> Mapping[str, Rounding]:
    """The rounding behind every tensor of codes, or of what codes stand for."""
    constants, found = constants_of(model), {}
    for node in model.graph.node:
        if node.op_type in QUANTISERS and node.input[0] not in constants:
            scale = constants.get(node.input[1])
            if scale is not None and scale.size == 1:
                found[node.output[0]] = Rounding(
                    node.input[0], scale.astype(np.float64).reshape(())
                )
        elif node.op_type in KEEPING and node.input and node.input[0] in found:
            found[node.output[0]] = found[node.input[0]]
    return found
