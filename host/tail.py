"""The tail of a network on the host: the model's own outputs, from what the array hands over.

``tail.onnx`` holds the nodes of the model behind its last convolutions as they stand in its file
(docs/dataflow.md); onnxruntime computes them.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from arch.errors import OnefourError
from arch.packages import need

KINDS = {
    "tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64,
    "tensor(int32)": np.int32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8,
    "tensor(int8)": np.int8,
}  # fmt: skip
"""Types that a tail takes its inputs in."""
LONGEST_REASON = 200


class TailError(OnefourError):
    """A tail that onnxruntime does not compute."""


class Tail:
    """``tail.onnx``, or another part of the host's, ready to run. ``model``: its bytes; ``name``:
    for messages. :class:`TailError` where it cannot run."""

    def __init__(self, model: bytes, name: str = "tail.onnx"):
        self.name = name
        need("onnxruntime")
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # As it stands in the file: other orders of operations round differently.
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        self.session: Any = self._guarded(
            lambda: onnxruntime.InferenceSession(
                model, options, providers=["CPUExecutionProvider"]
            )
        )
        self.inputs = {value.name: KINDS.get(value.type) for value in self.session.get_inputs()}
        unknown = [value for value in self.session.get_inputs() if value.type not in KINDS]
        if unknown:
            raise TailError(f"{name}: input {unknown[0].name!r} is of type {unknown[0].type}")
        self.outputs = [value.name for value in self.session.get_outputs()]

    def run(self, results: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The model's outputs by name, but for those that are results of the array.

        ``results``: float64 [channels, height, width] of every input, as ``host.memory`` or
        ``golden.execute.outputs`` give them.
        """
        feed = {name: cast(results[name], kind)[None] for name, kind in self.inputs.items()}
        found = self._guarded(lambda: self.session.run(self.outputs, feed))
        return dict(zip(self.outputs, found, strict=True))

    def _guarded(self, action: Any) -> Any:
        """What it returns; onnxruntime's errors as ours."""
        try:
            return action()
        except Exception as error:  # onnxruntime's own classes, and what its bindings raise
            reason = " ".join(str(error).split())[:LONGEST_REASON]
            raise TailError(f"{self.name}: onnxruntime does not compute it ({reason})") from error


def cast(values: np.ndarray, kind: type) -> np.ndarray:
    """Values in the type of an input; whole numbers where that is one of integers."""
    return (np.rint(values) if np.issubdtype(kind, np.integer) else values).astype(kind)


def model_outputs(
    tail: Tail | None, results: Mapping[str, np.ndarray], names: tuple[str, ...]
) -> dict[str, np.ndarray]:
    """The outputs ``names`` of the model: of the tail, or results [1, C, H, W] of the array."""
    found = {} if tail is None else tail.run(results)
    return {name: found[name] if name in found else results[name][None] for name in names}
