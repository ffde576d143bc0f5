"""Whether scale, zero point, bit width and rounding of a QONNX node are what they may be."""

import numpy as np

from compiler.errors import UnsupportedError
from compiler.frontend.ir import Node
from compiler.frontend.operators.quantisers import ROUNDINGS

#: As many as 8 bits have; more never lead to 4 bits.
MOST_THRESHOLDS = 255


def check_quantiser(node: Node, constants: dict[str, np.ndarray], shapes: dict[str, tuple]) -> None:
    """UnsupportedError where scale, zero point, bit width or rounding of a QONNX node are not."""
    count = {"BipolarQuant": 2, "MultiThreshold": 2}.get(node.op, 4)
    if len(node.inputs) < count or any(t not in constants for t in node.inputs[1:count]):
        raise UnsupportedError(
            f"{node}: its parameters {list(node.inputs[1:])} must be constants. Export a trained "
            "network in evaluation mode."
        )
    values = [constants[tensor].astype(np.float64) for tensor in node.inputs[1:count]]
    # A constant may be made larger by its parameters; a tensor may not.
    if node.op != "MultiThreshold" and node.inputs[0] not in constants:
        check_shapes(node, values, shapes.get(node.inputs[0]))
    if node.op == "MultiThreshold":
        channels = shapes.get(node.inputs[0], (1, 1))[1:2]
        layout = str(node.attributes.get("data_layout", "NCHW"))
        if values[0].ndim == 2 and values[0].shape[1] > MOST_THRESHOLDS:
            raise UnsupportedError(
                f"{node}: {values[0].shape[1]} thresholds; supported are {MOST_THRESHOLDS}. "
                "Quantise to fewer levels."
            )
        fits = values[0].ndim == 2 and values[0].shape[0] in (1, *channels)
        if not fits or layout != "NCHW":
            raise UnsupportedError(
                f"{node}: thresholds of shape {values[0].shape} in data layout {layout} are not "
                f"supported; supported are [channels or 1, n] in NCHW (channels: {channels})."
            )
        return
    if not np.isfinite(values[0]).all() or not (values[0] > 0).all():
        raise UnsupportedError(
            f"{node}: scale must be positive and finite, not {values[0].min()}; train or set it."
        )
    if node.op == "BipolarQuant":
        return
    bits, zero = values[2].reshape(-1), values[1]
    if bits.size < 1 or (bits != bits[0]).any() or bits[0] not in range(1, 33):
        raise UnsupportedError(
            f"{node}: bit width must be one whole number from 1 to 32, not {bits[:4].tolist()}."
        )
    if not np.isfinite(zero).all() or (zero != np.rint(zero)).any():
        raise UnsupportedError(
            f"{node}: zero point must be a whole number, not {zero.reshape(-1)[0]}."
        )
    mode = str(node.attributes.get("rounding_mode", "ROUND")).upper()
    if mode not in ROUNDINGS:
        raise UnsupportedError(
            f"{node}: rounding mode {mode!r} is not known; supported: {', '.join(ROUNDINGS)}."
        )


def check_shapes(node: Node, values: list[np.ndarray], shape: tuple | None) -> None:
    """UnsupportedError where parameters do not broadcast against an input of ``shape``."""
    for tensor, value in zip(node.inputs[1:], values, strict=False):
        pairs = zip(reversed(value.shape), reversed(shape or ()), strict=False)
        fits = shape is None or (
            value.ndim <= len(shape) and all(own in (1, size) for own, size in pairs)
        )
        if not fits:
            raise UnsupportedError(
                f"{node}: its parameter {tensor!r} of shape {value.shape} does not fit its input "
                f"{node.inputs[0]!r} of shape {tuple(shape)}; supported are one value, or "
                "[1, channels, 1, 1]."
            )
