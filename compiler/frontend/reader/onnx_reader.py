"""ONNX file -> Graph, as it stands in the file (IR version 3 and later, opsets that onnx knows).

Checks what makes a file readable at all: that it is ONNX, complete, static, acyclic and of sane
size. What the operators mean is the passes' business.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import (
    AttributeProto,
    ModelProto,
    NodeProto,
    TensorProto,
    ValueInfoProto,
    numpy_helper,
)

from compiler.errors import ReadError
from compiler.frontend.integers import INTEGER_TYPES
from compiler.frontend.ir import Graph, NameSupply, Node, sort_nodes
from compiler.frontend.reader.element_types import inferred_shapes
from compiler.frontend.reader.external_data import (
    LARGEST_FILE,
    LARGEST_TENSOR,
    all_tensors,
    load_external_data,
)
from compiler.frontend.reader.operator_forms import STANDARD, check_form, label
from compiler.frontend.reader.qoperators import as_qdq
from compiler.frontend.spec import QDQ

#: More nodes than any network for this machine has.
MOST_NODES = 20_000
#: Before opset 6, operators broadcast and leave parts out by rules of their own.
FIRST_OPSET, LAST_OPSET = 6, onnx.defs.onnx_opset_version()
FIRST_IR, LAST_IR = 3, onnx.IR_VERSION
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
ZIP = b"PK\x03\x04"
#: What onnxruntime's tools write in files of an opset that lacks a type, with ONNX's own meaning.
MICROSOFT = "com.microsoft"
DOMAINS = {
    "",
    "ai.onnx",
    "onnx.brevitas",
    "qonnx.custom_op.general",
    "finn.custom_op.general",
}


def load_model(path: str | Path) -> ModelProto:
    """The file with its external data, and QDQ in place of quantised operators.

    ReadError where it cannot be parsed; UnsupportedError for a quantised operator that is not
    known.
    """
    return as_qdq(load_file(path))


def load_file(path: str | Path) -> ModelProto:
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
    if data.startswith(ZIP):
        raise ReadError(
            f"{path}: a zip archive, as PyTorch's checkpoints are; networks are read as ONNX "
            f"files. Export it: yolo export model={path} format=onnx, or torch.onnx.export."
        )
    model = ModelProto()
    try:
        model.ParseFromString(data)
    except DecodeError as error:
        raise ReadError(
            f"{path}: not an ONNX file, or cut short ({len(data)} bytes). Export it again."
        ) from error
    if not model.graph.node:
        raise ReadError(f"{path}: no operators in it; not an ONNX network. Export it again.")
    check_size(model, path)
    load_external_data(model, path)
    return model


def check_size(model: ModelProto, path: Path) -> None:
    """ReadError where the file has more nodes than could be worked on in reasonable time."""
    if len(model.graph.node) > MOST_NODES:
        raise ReadError(
            f"{path}: {len(model.graph.node)} operators; supported are {MOST_NODES}. Networks for "
            "this accelerator have a few hundred: simplify the model, or check the path."
        )


def self_contained(path: str | Path) -> bytes:
    """The bytes of an ONNX file as it is, or with the tensors of other files inside.

    ReadError where it cannot be read, or would be too large for one file.
    """
    data = Path(path).read_bytes()
    model = ModelProto.FromString(data)
    if all(t.data_location != TensorProto.EXTERNAL for _, t in all_tensors(model.graph)):
        return data
    whole = load_file(path)
    if whole.ByteSize() >= LARGEST_FILE:
        raise ReadError(f"{path}: with its weights inside it would have more than 2 GiB.")
    return whole.SerializeToString()


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
        case kind.SPARSE_TENSOR | kind.SPARSE_TENSORS | kind.TENSORS:
            raise ReadError(
                f"{where}: attribute {proto.name!r} holds sparse tensors or a list of tensors, "
                "which are not supported; save it as one dense tensor."
            )
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
            "width]. Name the picture's size with --size HEIGHTxWIDTH, or export the network with "
            "a fixed size and batch 1."
        )
    if max(shape) > 1 << 14 or np.prod(shape, dtype=float) > LARGEST_TENSOR:
        raise ReadError(
            f"input {value.name!r} has shape {shape}: larger than 16384 in a direction."
        )
    return value, tuple(shape)


def opset(model: ModelProto) -> int:
    """Version of the standard operator set; ReadError where it or the file's is not supported."""
    if not FIRST_IR <= model.ir_version <= LAST_IR:
        raise ReadError(
            f"IR version {model.ir_version} of the file; supported are {FIRST_IR} to {LAST_IR} "
            f"(with onnx {onnx.__version__}). Export the network again, or install a newer onnx."
        )
    versions = {entry.version for entry in model.opset_import if entry.domain in STANDARD}
    if len(versions) != 1:
        found = ", ".join(map(str, sorted(versions))) or "none"
        raise ReadError(
            f"opset of the standard operators: {found}; exactly one is needed, from {FIRST_OPSET} "
            f"to {LAST_OPSET}. The file is damaged; export it again."
        )
    (version,) = versions
    if not FIRST_OPSET <= version <= LAST_OPSET:
        raise ReadError(
            f"opset {version}; supported are {FIRST_OPSET} to {LAST_OPSET} (with onnx "
            f"{onnx.__version__}). Export the network with one of those, such as 17."
        )
    return version


def initialisers(model: ModelProto) -> dict[str, np.ndarray]:
    """The constants of the file by name, none of them twice."""
    if model.graph.sparse_initializer:
        raise ReadError("sparse initialisers are not supported; save the weights as dense tensors.")
    constants: dict[str, np.ndarray] = {}
    for tensor in model.graph.initializer:
        if not tensor.name:
            raise ReadError("an initialiser has no name. The file is damaged; export it again.")
        if tensor.name in constants:
            raise ReadError(
                f"initialiser {tensor.name!r} is there twice, and which one counts is not defined. "
                "The file is damaged; export it again."
            )
        constants[tensor.name] = array(tensor, f"initialiser {tensor.name!r}")
    return constants


def check_names(model: ModelProto) -> None:
    """ReadError where two inputs share a name, or a function of the file replaces an operator."""
    names = Counter(value.name for value in model.graph.input)
    twice = next((name for name, count in names.items() if count > 1), None)
    if twice is not None or "" in names:
        what = f"{twice!r} is there twice" if twice is not None else "without a name"
        raise ReadError(f"network input {what}. The file is damaged; export it again.")
    texts = [tensor.name for tensor in model.graph.initializer] + list(names)
    for node in model.graph.node:
        texts += (node.name, node.op_type, node.domain, *node.input, *node.output)
    wrong = next((text for text in texts if not isinstance(text, str)), None)
    if wrong is not None:  # protobuf gives bytes where they are no text
        raise ReadError(f"the name {wrong!r} in the file is not UTF-8. The file is damaged.")
    own = {(function.domain, function.name) for function in model.functions}
    for node in model.graph.node:
        if (node.domain, node.op_type) in own:
            raise ReadError(
                f"{label(node)}: its operator is a function that the file defines, which is not "
                "supported. Inline it (onnx.inliner.inline_local_functions)."
            )


def read_node(proto: NodeProto, version: int, names: NameSupply) -> Node:
    """One node; outputs without a name, which nothing can read, get one."""
    outputs = tuple(output or names.fresh(f"{proto.op_type}/unused") for output in proto.output)
    node = Node(op=proto.op_type, name=proto.name, inputs=tuple(proto.input), outputs=outputs)
    if not any(proto.output):
        raise ReadError(f"{proto.op_type} {proto.name!r} has no output. The file is damaged.")
    as_standard = proto.domain == MICROSOFT and proto.op_type in QDQ
    if proto.domain not in DOMAINS and not as_standard:
        raise ReadError(
            f"{node}: domain {proto.domain!r} is not supported; supported are standard ONNX "
            "and QONNX operators. Export without custom operators."
        )
    check_form(proto, version)
    node.attributes.update({a.name: attribute(a, str(node)) for a in proto.attribute})
    node.attributes["opset"] = version
    return node


def read_onnx(path: str | Path) -> Graph:
    """The graph of an ONNX file; ReadError with one message where it cannot be read."""
    return graph_of(load_model(path), Path(path))


def graph_of(model: ModelProto, path: Path = Path("the network")) -> Graph:
    """The graph of a parsed model, its external tensors inside; ``path`` is for messages."""
    version = opset(model)
    check_names(model)
    constants = initialisers(model)
    picture, shape = input_shape(model, constants)
    name = picture.name
    in_file = {name, *constants}
    for proto in model.graph.node:
        in_file.update(proto.input, proto.output)
    names = NameSupply(in_file)
    nodes = []
    made: set[str] = set()
    for proto in model.graph.node:
        node = read_node(proto, version, names)
        for output in node.outputs:
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
        name=model.graph.name or path.stem,
        input=name,
        outputs=tuple(dict.fromkeys(outputs)),
        results=tuple(dict.fromkeys(outputs)),
        nodes=tuple(order),
        constants=constants,
        names=frozenset(in_file),
        shapes={name: shape},
        input_type=input_type(picture),
        told=lambda: inferred_shapes(model),
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
