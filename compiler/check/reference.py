"""The original ONNX graph, computed independently of the front end.

``run_float64`` computes every float in float64 and every integer in its own type;
``run_onnxruntime`` computes floats in float32, by onnxruntime with its optimiser off (that one
changes the numbers of quantised networks). Both return every tensor by name. Sources: ONNX operator
documentation, QONNX documentation for its custom operators.
"""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.lib.stride_tricks import sliding_window_view
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

Array = np.ndarray
INTEGER_LIMITS = {
    TensorProto.UINT8: (0, 255),
    TensorProto.INT8: (-128, 127),
    TensorProto.UINT16: (0, 65535),
    TensorProto.INT16: (-32768, 32767),
    21: (0, 15),
    22: (-8, 7),
    25: (0, 3),
    26: (-2, 1),
}


def round_by(mode: str, x: Array) -> Array:
    """QONNX rounding modes."""
    magnitude, sign = np.abs(x), np.sign(x)
    match mode.upper():
        case "ROUND" | "HALF_EVEN":
            return np.round(x)
        case "CEIL":
            return np.ceil(x)
        case "FLOOR":
            return np.floor(x)
        case "UP":
            return sign * np.ceil(magnitude)
        case "DOWN":
            return np.fix(x)
        case "HALF_UP":
            return sign * np.floor(magnitude + 0.5)
        case "HALF_DOWN":
            return sign * np.ceil(magnitude - 0.5)
    raise ValueError(f"rounding mode {mode}")


def quant(a: dict, x: Array, scale: Array, zero: Array, bits: Array) -> Array:
    """QONNX Quant and IntQuant."""
    y = x / scale + zero
    width, signed, narrow = int(bits.flat[0]), a.get("signed", 1), a.get("narrow", 1)
    if width == 1 and signed:
        y = np.where(y >= 0, 1.0, -1.0)
    else:
        low = -(2 ** (width - 1)) + bool(narrow) if signed else 0
        high = 2 ** (width - 1) - 1 if signed else 2**width - 1 - bool(narrow)
        y = round_by(a.get("rounding_mode", "ROUND"), np.minimum(np.maximum(y, low), high))
    return (y - zero) * scale


def spread(value: Array, x: Array, a: dict) -> Array:
    """A scale or zero point per tensor, axis or block, so that it broadcasts against x."""
    value = value.astype(np.float64)
    axis, block = a.get("axis", 1), a.get("block_size", 0)
    if value.ndim == 0 or value.size == 1:
        return value.reshape(())
    if block:
        return np.take(np.repeat(value, block, axis), range(x.shape[axis]), axis)
    return np.moveaxis(value.reshape(-1, *[1] * (x.ndim - 1)), 0, axis)


def quantize_linear(a: dict, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """ONNX QuantizeLinear; the result keeps float64 (its integers are small)."""
    kind = a.get("output_dtype", 0) or TensorProto.UINT8
    if zero is not None:
        kind = helper.np_dtype_to_tensor_dtype(zero.dtype)
    low, high = INTEGER_LIMITS[kind]
    offset = 0.0 if zero is None else spread(zero, x, a)
    return np.clip(np.round(x / spread(scale, x, a)) + offset, low, high)


def dequantize_linear(a: dict, x: Array, scale: Array, zero: Array | None = None) -> Array:
    """ONNX DequantizeLinear."""
    offset = 0.0 if zero is None else spread(zero, x, a)
    return (x.astype(np.float64) - offset) * spread(scale, x, a)


def window_view(a: dict, x: Array, kernel: tuple, fill: float) -> Array:
    """[N, C, H', W', kh, kw] for Conv and MaxPool attributes."""
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    pads = list(a.get("pads", [0, 0, 0, 0]))
    reach = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
    mode = a.get("auto_pad", "NOTSET")
    if mode.startswith("SAME"):
        for i in range(2):
            size = x.shape[2 + i]
            total = max(0, (-(-size // strides[i]) - 1) * strides[i] + reach[i] - size)
            less = total // 2
            first = less if mode == "SAME_UPPER" else total - less
            pads[i], pads[i + 2] = first, total - first
    elif mode == "VALID":
        pads = [0, 0, 0, 0]
    if a.get("ceil_mode", 0):
        for i in range(2):
            size = x.shape[2 + i]
            count = -(-(size + pads[i] + pads[i + 2] - reach[i]) // strides[i]) + 1
            count -= (count - 1) * strides[i] >= size + pads[i]
            pads[i + 2] = max(pads[i + 2], (count - 1) * strides[i] + reach[i] - size - pads[i])
    wide = ((0, 0), (0, 0), (pads[0], pads[2]), (pads[1], pads[3]))
    x = np.pad(x, wide, constant_values=fill)
    view = sliding_window_view(x, reach, axis=(2, 3))[:, :, :: strides[0], :: strides[1]]
    return view[..., :: dilations[0], :: dilations[1]]


def conv(a: dict, x: Array, weights: Array, bias: Array | None = None) -> Array:
    """ONNX Conv, two dimensions."""
    groups = a.get("group", 1)
    view = window_view(a, x, weights.shape[2:], 0.0)
    parts = [
        np.tensordot(w, v, axes=((1, 2, 3), (1, 4, 5)))
        for w, v in zip(np.split(weights, groups), np.split(view, groups, axis=1), strict=True)
    ]
    result = np.concatenate(parts).swapaxes(0, 1)
    return result if bias is None else result + bias.reshape(1, -1, 1, 1)


def conv_integer(
    a: dict, x: Array, weights: Array, zero: Array | None = None, weight_zero: Array | None = None
) -> Array:
    """ONNX ConvInteger, two dimensions: exact, because float64 holds every sum of bytes' products.

    The padding is the zero point, hence 0 once that is subtracted.
    """
    shifted = x.astype(np.float64) - (0 if zero is None else float(zero.reshape(())))
    offset = 0 if weight_zero is None else weight_zero.astype(np.float64).reshape(-1, 1, 1, 1)
    return conv(a, shifted, weights.astype(np.float64) - offset).astype(np.int64).astype(np.int32)


def divide(x: Array, y: Array) -> Array:
    """ONNX Div: of integers towards zero."""
    if x.dtype.kind not in "iu":
        return x / y
    # The remainder of fmod has the sign of x, so that what is left divides exactly.
    return (x - np.fmod(x, y)) // y


def cast(a: dict, x: Array) -> Array:
    """ONNX Cast from a number: integers wrap around, floats lose what is behind the point."""
    kind = helper.tensor_dtype_to_np_dtype(a["to"])
    if a["to"] in (1, 10, 11, 16):
        return x.astype(np.float64)
    return x.astype(kind) if x.dtype.kind in "iu" or kind == np.bool_ else np.trunc(x).astype(kind)


def max_pool(a: dict, x: Array) -> Array:
    """ONNX MaxPool, two dimensions, first result."""
    lowest = np.iinfo(x.dtype).min if x.dtype.kind in "iu" else -np.inf
    view = window_view(a, x, tuple(a["kernel_shape"]), lowest)
    result = view[..., 0, 0]
    for i, j in np.ndindex(*a["kernel_shape"]):
        result = np.maximum(result, view[..., i, j])
    return result


def batch_normalization(a: dict, x: Array, *parameters: Array) -> Array:
    """ONNX BatchNormalization, inference (onnx's own, opset 9, trains where momentum is given)."""
    scale, bias, mean, variance = (p.reshape(-1, *[1] * (x.ndim - 2)) for p in parameters)
    return scale * ((x - mean) / np.sqrt(variance + a.get("epsilon", 1e-5))) + bias


def multi_threshold(a: dict, x: Array, thresholds: Array) -> Array:
    """FINN MultiThreshold."""
    passed = sum(x >= t.reshape(1, -1, *[1] * (x.ndim - 2)) for t in thresholds.T)
    return passed * a.get("out_scale", 1.0) + a.get("out_bias", 0.0)


CUSTOM = {
    "Quant": quant,
    "IntQuant": quant,
    "BipolarQuant": lambda _, x, scale: np.where(x >= 0, 1.0, -1.0) * scale,
    "QuantizeLinear": quantize_linear,
    "DequantizeLinear": dequantize_linear,
    "Conv": conv,
    "ConvInteger": conv_integer,
    "Cast": cast,
    "Div": lambda _, x, y: divide(x, y),
    "MaxPool": max_pool,
    "BatchNormalization": batch_normalization,
    "MultiThreshold": multi_threshold,
    "LeakyRelu": lambda a, x: np.where(x >= 0, x, x * a.get("alpha", 0.01)),
    "Dropout": lambda *given: given[1],
}


def attributes(node: NodeProto) -> dict[str, Any]:
    """Attributes as Python values, text decoded."""
    result = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    return {k: v.decode() if isinstance(v, bytes) else v for k, v in result.items()}


def double(value: Array) -> Array:
    """Floats of any width as float64, other types as they are."""
    floating = value.dtype.kind == "f" or value.dtype.name == "bfloat16"
    return value.astype(np.float64) if floating else value


def standard(node: NodeProto, opsets: list, inputs: list[Array | None]) -> list[Array]:
    """A standard operator by onnx's reference implementation, in float64."""
    given = {n: v for n, v in zip(node.input, inputs, strict=True) if v is not None}
    infos = [
        helper.make_tensor_value_info(n, helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
        for n, v in given.items()
    ]
    outputs = [helper.make_empty_tensor_value_info(n) for n in node.output if n]
    graph = helper.make_graph([node], "one", infos, outputs)
    model = helper.make_model(graph, opset_imports=opsets)
    return [np.asarray(value) for value in ReferenceEvaluator(model).run(None, given)]


def input_of(model: ModelProto, image: Array, floating: type) -> tuple[str, Array]:
    """Name of the network's input, and ``image`` in its type: ``floating`` for all floats."""
    constants = {tensor.name for tensor in model.graph.initializer}
    value = next(v for v in model.graph.input if v.name not in constants)
    code = value.type.tensor_type.elem_type
    kind = np.dtype(helper.tensor_dtype_to_np_dtype(code)) if code else np.dtype(floating)
    return value.name, np.asarray(image).astype(kind if kind.kind in "iu" else floating)


def run_float64(model: str | Path | ModelProto, image: Array) -> dict[str, Array]:
    """Every tensor of the network for ``image`` [1, C, H, W], exact or in float64.

    ``image`` holds floats, or for a network whose input is of integers the picture's codes.
    """
    model = model if isinstance(model, ModelProto) else onnx.load(model)
    values = {t.name: double(numpy_helper.to_array(t)) for t in model.graph.initializer}
    name, picture = input_of(model, image, np.float64)
    values[name] = picture
    opsets = [helper.make_opsetid("", o.version) for o in model.opset_import if not o.domain]
    for node in model.graph.node:
        inputs = [values[n] if n else None for n in node.input]
        if node.op_type in CUSTOM:
            results = [CUSTOM[node.op_type](attributes(node), *inputs)]
        elif node.op_type == "Constant":
            results = standard(node, opsets, [])
        else:
            results = standard(node, opsets, inputs)
        pairs = zip([n for n in node.output if n], results, strict=False)
        values.update({n: double(np.asarray(v)) for n, v in pairs})
    return values


def run_onnxruntime(model: str | Path | ModelProto, image: Array) -> dict[str, Array]:
    """Every tensor by onnxruntime, floats in float32, optimiser off; standard operators only."""
    import onnxruntime

    model = model if isinstance(model, ModelProto) else onnx.load(model)
    whole = ModelProto()
    whole.CopyFrom(model)
    present = {value.name for value in whole.graph.output}
    names = [n for node in whole.graph.node for n in node.output if n]
    whole.graph.output.extend(
        helper.make_empty_tensor_value_info(n) for n in names if n not in present
    )
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    name, values = input_of(model, image, np.float32)
    found = session.run(None, {name: values})
    return {o.name: v for o, v in zip(session.get_outputs(), found, strict=True)}
