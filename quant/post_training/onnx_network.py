"""A float ONNX detector: its convolutions' weights, and the network as something to be scored."""

import numpy as np
import onnxruntime
import torch
from onnx import ModelProto, numpy_helper
from torch import Tensor

from golden.network import Output
from host.description import Description
from host.detection import real_outputs
from quant.errors import TrainingError


def convolution_weights(model: ModelProto) -> dict[str, np.ndarray]:
    """The float weights [out, in / groups, kh, kw] of all Conv nodes, by initialiser, in order."""
    known = {i.name: i for i in model.graph.initializer}
    weights = {}
    for node in model.graph.node:
        if node.op_type == "Conv" and node.input[1] in known:
            weight = numpy_helper.to_array(known[node.input[1]])
            if weight.dtype.kind == "f":
                weights[node.input[1]] = weight
    if not weights:
        raise TrainingError(
            "no Conv with float weights of its own; expected a float network that was not quantised"
        )
    return weights


def with_weights(model: ModelProto, weights: dict[str, np.ndarray]) -> ModelProto:
    """A copy with other values in the named initialisers."""
    changed = ModelProto()
    changed.CopyFrom(model)
    for tensor in changed.graph.initializer:
        if tensor.name in weights:
            kind = numpy_helper.to_array(tensor).dtype
            values = numpy_helper.from_array(weights[tensor.name].astype(kind), tensor.name)
            tensor.CopyFrom(values)
    return changed


class OnnxNetwork:
    """Pixels / 255 [n, 3, h, w] to maps, by onnxruntime, picture by picture.

    ``height`` and ``width`` are the input's; a network that leaves them open, or has other than
    three channels, is refused with a :class:`TrainingError`.
    """

    def __init__(self, model: ModelProto, description: Description):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.description = description
        (given, *others) = self.session.get_inputs()
        shape = given.shape
        sides = shape[2:]
        one = shape[0] == 1 or not isinstance(shape[0], int)
        fixed = shape[1:2] == [3] and all(isinstance(side, int) for side in sides)
        if others or len(shape) != 4 or not one or not fixed or given.type != "tensor(float)":
            raise TrainingError(
                f"input {given.name} of shape {shape}, {given.type}; expected one input "
                f"[1, 3, height, width] of float32 with a fixed height and width"
            )
        self.input, (self.height, self.width) = given.name, sides
        self.outputs = description.head.outputs or self._find_maps()

    def _find_maps(self) -> tuple[str, ...]:
        """The output for each stride, by its shape: files have them in any order."""
        head, names = self.description.head, [o.name for o in self.session.get_outputs()]
        nothing = np.zeros((1, 3, self.height, self.width), np.float32)
        results = self.session.run(names, {self.input: nothing})
        shapes = {name: r.shape[1:] for name, r in zip(names, results, strict=True)}
        chosen = []
        for at, stride in enumerate(head.strides):
            wanted = (head.channels(at), self.height // stride, self.width // stride)
            fitting = [name for name in names if shapes[name] == wanted]
            if len(fitting) != 1:
                told = ", ".join(f"{name} {list(shape)}" for name, shape in shapes.items())
                raise TrainingError(
                    f"stride {stride} needs one output of shape {list(wanted)}; the network has "
                    f"{told}: name those meant as 'outputs' in the side-car"
                )
            chosen += fitting
        return tuple(chosen)

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        scaled = x.numpy().astype(np.float32) * np.float32(255 * self.description.scale)
        if self.description.colour == "bgr":
            scaled = scaled[:, ::-1]
        results = [
            self.session.run(list(self.outputs), {self.input: np.ascontiguousarray(each[None])})
            for each in scaled
        ]
        return tuple(torch.from_numpy(np.concatenate(maps)) for maps in zip(*results, strict=True))

    def described(self) -> tuple[Output, ...]:
        """What the decoder of boxes wants to know of the outputs."""
        return real_outputs(self.outputs, self.description.head)
