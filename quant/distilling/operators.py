"""The operators of an imported float graph in PyTorch, with gradients.

onnx2torch was weighed: Apache 2.0, it converts many more operators, and needs torchvision. What it
makes is a module whose tensors have lost their names, while quantisers have to stand at named
tensors and weights have to find back into the file; and what onnxruntime's simplification leaves of
a detector's trunk is the handful below.
"""

from collections.abc import Callable

import numpy as np
import torch
from onnx import NodeProto, helper
from torch import Tensor
from torch.nn import functional as F

from compiler.errors import UnsupportedError
from compiler.quantize.patches import window_of

Constants = dict[str, np.ndarray]


def attributes(node: NodeProto) -> dict[str, object]:
    """A node's attributes by name."""
    return {each.name: helper.get_attribute_value(each) for each in node.attribute}


def constant(node: NodeProto, place: int, constants: Constants) -> np.ndarray | None:
    """An operand that must be a constant; None where there is none."""
    if len(node.input) <= place or not node.input[place]:
        return None
    if node.input[place] not in constants:
        raise refused(node, f"whose input {node.input[place]!r} is computed")
    return constants[node.input[place]]


def refused(node: NodeProto, form: str = "") -> UnsupportedError:
    """What is said of a node that cannot be trained through."""
    return UnsupportedError(
        f"{node.op_type} {node.name or node.output[0]!r} {form}".rstrip()
        + f" cannot be trained through; supported: Conv, {', '.join(sorted(OPERATORS))}. Quantise "
        "the network without training: compiler quantize"
    )


def padded(node: NodeProto, x: Tensor, window: tuple[int, ...], value: float) -> Tensor:
    """X with a pooling node's or a convolution's padding around it."""
    described = window_of(node, np.empty((1, 1, *window)), tuple(x.shape[2:]))
    top, left, bottom, right = described.pads
    return F.pad(x, (left, right, top, bottom), value=value) if any(described.pads) else x


def convolution(node: NodeProto, x: Tensor, weights: Tensor, bias: Tensor | None) -> Tensor:
    """Conv with any weights."""
    kernel = tuple(weights.shape[2:])
    window = window_of(node, np.empty((1, 1, *kernel)), tuple(x.shape[2:]))
    x = padded(node, x, kernel, 0.0)
    return F.conv2d(x, weights, bias, window.strides, 0, window.dilations, window.groups)


def max_pool(node: NodeProto, inputs: list[Tensor], _constants: Constants) -> Tensor:
    given = attributes(node)
    kernel = tuple(given["kernel_shape"])
    x = padded(node, inputs[0], kernel, -torch.inf)
    strides, dilations = given.get("strides", (1, 1)), given.get("dilations", (1, 1))
    ceil = bool(given.get("ceil_mode", 0))
    return F.max_pool2d(x, kernel, tuple(strides), 0, tuple(dilations), ceil)


def resize(node: NodeProto, inputs: list[Tensor], constants: Constants) -> Tensor:
    """Each element repeated: nearest, by whole factors."""
    if attributes(node).get("mode", b"nearest") != b"nearest":
        raise refused(node, "that interpolates")
    x = inputs[0]
    sizes = constant(node, 3, constants)
    scales = constant(node, 1 if node.op_type == "Upsample" else 2, constants)
    factors = np.divide(sizes, x.shape) if sizes is not None else np.asarray(scales)
    whole = np.rint(factors).astype(int)
    if not (np.allclose(whole, factors) and (whole >= 1).all() and (whole[:2] == 1).all()):
        raise refused(node, f"by factors {factors.tolist()}")
    return x.repeat_interleave(int(whole[2]), 2).repeat_interleave(int(whole[3]), 3)


def split(node: NodeProto, inputs: list[Tensor], constants: Constants) -> tuple[Tensor, ...]:
    axis = attributes(node).get("axis", 0)
    sizes = constant(node, 1, constants)
    if sizes is None:
        return inputs[0].tensor_split(len(node.output), axis)
    return inputs[0].split(sizes.tolist(), axis)


def slice_(node: NodeProto, inputs: list[Tensor], constants: Constants) -> Tensor:
    starts, ends, axes, steps = (constant(node, place, constants) for place in (1, 2, 3, 4))
    x = inputs[0]
    axes = range(len(starts)) if axes is None else axes.tolist()
    index = [slice(None)] * x.ndim
    for place, axis in enumerate(axes):
        step = 1 if steps is None else int(steps[place])
        if step < 1:
            raise refused(node, "that goes backwards")
        index[axis] = slice(int(starts[place]), int(ends[place]), step)
    return x[tuple(index)]


def clip(node: NodeProto, inputs: list[Tensor], constants: Constants) -> Tensor:
    low, high = (constant(node, place, constants) for place in (1, 2))
    return inputs[0].clamp(
        None if low is None else float(low), None if high is None else float(high)
    )


def reshape(node: NodeProto, inputs: list[Tensor], constants: Constants) -> Tensor:
    x, shape = inputs[0], constant(node, 1, constants).tolist()
    shape = [x.shape[place] if size == 0 else size for place, size in enumerate(shape)]
    return x.reshape([len(x), *shape[1:]])  # a batch, where the file has one picture


def hard_sigmoid(node: NodeProto, inputs: list[Tensor], _constants: Constants) -> Tensor:
    given = attributes(node)
    return (inputs[0] * given.get("alpha", 0.2) + given.get("beta", 0.5)).clamp(0, 1)


def prelu(_node: NodeProto, inputs: list[Tensor], _constants: Constants) -> Tensor:
    x, slope = inputs
    return torch.where(x >= 0, x, slope * x)


OPERATORS: dict[str, Callable] = {
    "Add": lambda _node, inputs, _constants: inputs[0] + inputs[1],
    "Clip": clip,
    "Concat": lambda node, inputs, _constants: torch.cat(inputs, attributes(node)["axis"]),
    "Div": lambda _node, inputs, _constants: inputs[0] / inputs[1],
    "GlobalAveragePool": lambda _node, inputs, _constants: inputs[0].mean((2, 3), keepdim=True),
    "HardSigmoid": hard_sigmoid,
    "HardSwish": lambda _node, inputs, _constants: F.hardswish(inputs[0]),
    "Identity": lambda _node, inputs, _constants: inputs[0],
    "LeakyRelu": lambda node, inputs, _constants: F.leaky_relu(
        inputs[0], attributes(node).get("alpha", 0.01)
    ),
    "MaxPool": max_pool,
    "Mul": lambda _node, inputs, _constants: inputs[0] * inputs[1],
    "PRelu": prelu,
    "Relu": lambda _node, inputs, _constants: F.relu(inputs[0]),
    "Reshape": reshape,
    "Resize": resize,
    "Sigmoid": lambda _node, inputs, _constants: torch.sigmoid(inputs[0]),
    "Slice": slice_,
    "Split": split,
    "Sub": lambda _node, inputs, _constants: inputs[0] - inputs[1],
    "Transpose": lambda node, inputs, _constants: inputs[0].permute(*attributes(node)["perm"]),
    "Upsample": resize,
}
"""(node, inputs, constants) -> result; a tuple of them where the node has several."""
SIZES = frozenset({"Reshape", "Resize", "Upsample", "Slice", "Split", "Clip"})
"""Operators whose further operands are no tensors to compute with."""
