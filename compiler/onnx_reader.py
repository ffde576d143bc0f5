"""ONNX file -> Graph, as it stands in the file (IR version 3 and later, opsets that onnx knows).

Checks what makes a file readable at all: that it is ONNX, complete, static, acyclic and of sane
size. What the operators mean is the passes' business.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import AttributeProto, ModelProto, TensorProto, ValueInfoProto, numpy_helper

from compiler.errors import ReadError
from compiler.integers import INTEGER_TYPES
from compiler.ir import Graph, Node, sort_nodes

#: Limit of a protobuf message, hence of an ONNX file without external data.
LARGEST_FILE = 1 << 31
#: More elements than any network for this machine has in one tensor.
LARGEST_TENSOR = 1 << 28
FLOATS = {
    TensorProto.FLOAT,
    TensorProto.FLOAT16,
    TensorProto.BFLOAT16,
    TensorProto.DOUBLE,
}
INTEGERS = {
    TensorProto.BOOL,
    TensorProto.INT8,
    TensorProto.UINT8,
    TensorProto.INT16,
    TensorProto.UINT16,
    TensorProto.INT32,
    TensorProto.UINT32,
    TensorProto.INT64,
    TensorProto.UINT64,
    # By value: ONNX added them with opsets 21 and 25, and older onnx packages lack the names.
    21,  # UINT4
    22,  # INT4
    25,  # UINT2
    26,  # INT2
}
DOMAINS = {
    "",
    "ai.onnx",
    "onnx.brevitas",
    "qonnx.custom_op.general",
    "finn.custom_op.general",
}


def load_model(path: str | Path) -> ModelProto:
    """Parse the file and its external data; ReadError where that cannot be done."""
    path = Path(path)
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise ReadError(f"{path}: not a file. Give the path of an ONNX file.")
        if size == 0:
            raise ReadError(f"{path}: the file is empty. Export the network again.")
        if size >= LARGEST_FILE:
            raise ReadError(
                f"{path}: {size} bytes; an ONNX file is smaller than 2 GiB. "
                "Networks for this accelerator are a few MB: check the path."
            )
        data = path.read_bytes()
    except OSError as error:
        raise ReadError(f"{path}: cannot be read ({error.strerror}).") from error
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ReadError(
            f"{path}: not an ONNX file, or cut short ({len(data)} bytes). Export it again."
        ) from error
    if not model.graph.node:
        raise ReadError(f"{path}: no operators in it; not an ONNX network. Export it again.")
    load_external_data(model, path)
    return model


def load_external_data(model: ModelProto, path: Path) -> None:
    """Bring initialisers that are stored in other files into the model."""
    for tensor in model.graph.initializer:
        if tensor.data_location != TensorProto.EXTERNAL:
            continue
        try:
            onnx.external_data_helper.load_external_data_for_tensor(tensor, os.fspath(path.parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            places = {entry.key: entry.value for entry in tensor.external_data}
            raise ReadError(
                f"{path}: initialiser {tensor.name!r} is stored in "
                f"{places.get('location', 'another file')!r}, which cannot be read. Put that file "
                "beside the model, or save the model with its weights inside."
            ) from error
        tensor.data_location = TensorProto.DEFAULT


def array(tensor: TensorProto, where: str) -> np.ndarray:
    """A tensor's values: floats as float64, integers and booleans as stored."""
    if tensor.data_type not in FLOATS | INTEGERS:
        raise ReadError(
            f"{where}: element type {tensor.data_type} is not supported; "
            "supported are floats of 16 to 64 bits and integers of 2 to 64 bits."
        )
    dimensions = list(tensor.dims)
    if any(size < 0 for size in dimensions) or np.prod(dimensions, dtype=float) > LARGEST_TENSOR:
        raise ReadError(f"{where}: impossible shape {dimensions}. The file is damaged.")
    try:
        values = numpy_helper.to_array(tensor)
    except (ValueError, TypeError, OverflowError, AttributeError) as error:
        raise ReadError(
            f"{where}: the stored values do not fill shape {dimensions}. The file is damaged."
        ) from error
    if list(values.shape) != dimensions:
        raise ReadError(f"{where}: the stored values do not fill shape {dimensions}.")
    return values.astype(np.float64) if tensor.data_type in FLOATS else values


def attribute(proto: AttributeProto, where: str) -> Any:
    """An attribute's value: numbers, text, lists of them, or an array."""
    kind = AttributeProto
    match proto.type:
        case kind.FLOAT:
            return float(proto.f)
        case kind.INT:
            return int(proto.i)
        case kind.STRING:
            return proto.s.decode("utf-8", "replace")
        case kind.FLOATS:
            return tuple(float(value) for value in proto.floats)
        case kind.INTS:
            return tuple(int(value) for value in proto.ints)
        case kind.STRINGS:
            return tuple(value.decode("utf-8", "replace") for value in proto.strings)
        case kind.TENSOR:
            return array(proto.t, f"{where}, attribute {proto.name!r}")
    raise ReadError(
        f"{where}: attribute {proto.name!r} holds a graph or an unknown type; control flow "
        "(If, Loop, Scan) is not supported. Export the network without it."
    )


def input_type(value: ValueInfoProto) -> np.dtype:
    """Type of the picture: float64 for all floats, or an integer type that holds bytes."""
    code = value.type.tensor_type.elem_type
    if code in FLOATS or code == TensorProto.UNDEFINED:
        return np.dtype(np.float64)
    kind = INTEGER_TYPES.get(code)
    if kind is None or np.iinfo(kind).max < 255:
        raise ReadError(
            f"input {value.name!r} has element type {code}; supported are floats, and integers "
            "that hold the picture's bytes 0..255. Export the network with a uint8 or float input."
        )
    return kind


def scale_of_input(path: str | Path, given: float) -> float:
    """What one step of a picture byte means: ``given``, or 1 where the input is of integers."""
    model = load_model(path)
    names = {tensor.name for tensor in model.graph.initializer}
    kinds = [input_type(value) for value in model.graph.input if value.name not in names]
    return 1.0 if any(kind.kind in "iu" for kind in kinds) else given


def input_shape(
    model: ModelProto, constants: dict[str, np.ndarray]
) -> tuple[ValueInfoProto, tuple[int, ...]]:
    """The one input that is not an initialiser, and its static shape."""
    inputs = [value for value in model.graph.input if value.name not in constants]
    if len(inputs) != 1:
        names = ", ".join(repr(value.name) for value in inputs) or "none"
        raise ReadError(
            f"network inputs: {names}; exactly one is supported, the picture. An input that is "
            "meant to be a weight has no initialiser in the file."
        )
    value = inputs[0]
    if not value.type.HasField("tensor_type") or not value.type.tensor_type.HasField("shape"):
        raise ReadError(
            f"input {value.name!r} has no shape; it must be [1, channels, height, width]."
        )
    shape = []
    for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
        size = dimension.dim_value
        if axis == 0 and size <= 0:
            size = 1  # a free batch size: this machine runs one picture at a time
        shape.append(size)
    if len(shape) != 4 or min(shape) <= 0 or shape[0] != 1:
        text = [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        raise ReadError(
            f"input {value.name!r} has shape {text}; it must be static, [1, channels, height, "
            "width]. Export the network with a fixed picture size and batch 1."
        )
    if max(shape) > 1 << 14 or np.prod(shape, dtype=float) > LARGEST_TENSOR:
        raise ReadError(
            f"input {value.name!r} has shape {shape}: larger than 16384 in a direction."
        )
    return value, tuple(shape)


def opset(model: ModelProto) -> int:
    """Version of the standard operator set; opset-dependent defaults need it."""
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    return max(versions, default=1)


def read_onnx(path: str | Path) -> Graph:
    """The graph of an ONNX file; ReadError with one message where it cannot be read."""
    model = load_model(path)
    constants: dict[str, np.ndarray] = {}
    for tensor in model.graph.initializer:
        constants[tensor.name] = array(tensor, f"initialiser {tensor.name!r}")
    if model.graph.sparse_initializer:
        raise ReadError("sparse initialisers are not supported; save the weights as dense tensors.")
    picture, shape = input_shape(model, constants)
    name = picture.name
    version = opset(model)
    nodes = []
    made: set[str] = set()
    for proto in model.graph.node:
        node = Node(
            op=proto.op_type,
            name=proto.name,
            inputs=tuple(proto.input),
            outputs=tuple(proto.output),
        )
        if not any(proto.output):
            raise ReadError(f"{proto.op_type} {proto.name!r} has no output. The file is damaged.")
        if proto.domain not in DOMAINS:
            raise ReadError(
                f"{node}: domain {proto.domain!r} is not supported; supported are standard ONNX "
                "and QONNX operators. Export without custom operators."
            )
        node.attributes.update({a.name: attribute(a, str(node)) for a in proto.attribute})
        node.attributes["opset"] = version
        for output in filter(None, proto.output):
            if output in made or output in constants or output == name:
                raise ReadError(f"{node}: tensor {output!r} is written twice. The file is damaged.")
            made.add(output)
        nodes.append(node)
    order, stuck = sort_nodes(nodes, {name, *constants})
    if stuck:
        raise ReadError(explain_stuck(stuck, {name, *constants, *made}))
    outputs = tuple(value.name for value in model.graph.output)
    for output in outputs:
        if output not in made:
            raise ReadError(f"output {output!r} is not computed by any operator of the network.")
    if not outputs:
        raise ReadError(f"{path}: the network has no outputs. Export it again.")
    return Graph(
        name=model.graph.name or Path(path).stem,
        input=name,
        outputs=tuple(dict.fromkeys(outputs)),
        nodes=tuple(order),
        constants=constants,
        shapes={name: shape},
        input_type=input_type(picture),
    )


def explain_stuck(stuck: list[Node], known: set[str]) -> str:
    """Why these nodes can never run: a tensor that nothing provides, or a cycle."""
    for node in stuck:
        for tensor in node.inputs:
            if tensor and tensor not in known:
                return (
                    f"{node}: input {tensor!r} is neither an initialiser nor computed by an "
                    "operator. The file is incomplete; export it again with its weights."
                )
    return (
        f"{stuck[0]}: its inputs {list(stuck[0].inputs)} depend on its own output (a cycle). "
        "The file is damaged; export it again."
    )
