"""Values of nodes whose inputs are all constant; their size is known before they are computed."""

from math import prod

import numpy as np
import onnx
from onnx import TensorProto, defs, helper, numpy_helper, shape_inference
from onnx.reference import ReferenceEvaluator

from compiler.errors import ReadError, UnsupportedError
from compiler.frontend import spec
from compiler.frontend.ir import Node
from compiler.frontend.operators import elementwise
from compiler.frontend.operators.quantiser_forms import check_quantiser
from compiler.frontend.reader.operator_forms import schema_of

#: Computed here rather than by onnx, because their operands are float64 or not in onnx at all.
OWN = {"Quant", "IntQuant", "BipolarQuant", "QuantizeLinear", "DequantizeLinear", "Identity"}
#: Their results differ from run to run.
RANDOM = {
    "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
    "Bernoulli",
}  # fmt: skip
#: Take elements out, so that a NaN that is not taken does not matter; or take no elements at all.
CHOOSING = {
    "Where", "Gather", "GatherElements", "GatherND", "Slice", "Split", "Compress", "Shape", "Size",
}  # fmt: skip
#: No more elements than their operands have, per axis of the operand; how many the values decide.
SHRINKING = {"NonZero", "Compress", "Unique"}

#: More elements than any constant of a network for this machine has, and all of them together.
LARGEST_RESULT = 1 << 24
MOST_ELEMENTS = 1 << 26
#: Operands with more elements are not shapes, sizes, axes or repeats.
LONGEST_LIST = 1024


class Folder:
    """Computes constant nodes, one after another, within one limit for all of them."""

    def __init__(self) -> None:
        self.elements = 0

    def evaluate(self, node: Node, constants: dict[str, np.ndarray]) -> list[np.ndarray]:
        """The node's results; ReadError where they cannot be computed or are too large."""
        refuse_random(node, constants)
        if node.op in spec.QUANTISERS:
            check_quantiser(node, constants, {t: constants[t].shape for t in node.inputs if t})
        operands = [constants[tensor] if tensor else None for tensor in node.inputs]
        self.make_room(node, operands)
        try:
            results = compute(node, operands)
        except (ReadError, UnsupportedError):
            raise
        except Exception as error:  # whatever the onnx package raises for an invalid node
            raise ReadError(
                f"{node}: cannot be computed from its constants ({type(error).__name__}). "
                "The file is damaged, or the onnx package does not know this operator."
            ) from error
        refuse_nan(node, operands, results)
        return results

    def make_room(self, node: Node, operands: list[np.ndarray | None]) -> None:
        """ReadError where a result, or all so far, would be too large."""
        for shape in result_shapes(node, operands):
            size = prod(shape)
            self.elements += size
            if size > LARGEST_RESULT or self.elements > MOST_ELEMENTS:
                total = "" if size > LARGEST_RESULT else f", {self.elements} with those before"
                raise ReadError(
                    f"{node}: its constant result would have shape {list(shape)} ({size} values"
                    f"{total}); supported are {LARGEST_RESULT} in a constant and "
                    f"{MOST_ELEMENTS} in all that are computed. Networks for this accelerator "
                    "are smaller; check the node's operands."
                )


def refuse_random(node: Node, constants: dict[str, np.ndarray]) -> None:
    """UnsupportedError where the results would differ from run to run."""
    training = constants.get(node.operand(2)) if node.op == "Dropout" else None
    if node.op in RANDOM or (training is not None and training.any()):
        raise UnsupportedError(
            f"{node}: its result is random, so that the network has none that can be computed "
            "beforehand. Export the network in evaluation mode, with its noise as a constant."
        )


def has_nan(value: np.ndarray | None) -> bool:
    return value is not None and value.dtype.kind == "f" and bool(np.isnan(value).any())


def refuse_nan(node: Node, operands: list, results: list) -> None:
    """ReadError where the node turns a not-a-number into a number, as comparisons do."""
    if node.op in CHOOSING or any(map(has_nan, results)):
        return
    for tensor, value in zip(node.inputs, operands, strict=True):
        if has_nan(value):
            raise ReadError(
                f"{node}: its constant {tensor!r} holds NaN (not a number). The file is damaged, "
                "or training diverged; export the network again."
            )


def result_shapes(node: Node, operands: list[np.ndarray | None]) -> list[tuple[int, ...]]:
    """Shapes of the results, or larger ones; ReadError where they are not known beforehand."""
    shapes = [value.shape for value in operands if value is not None]
    try:
        if node.op in OWN or node.op in elementwise.ELEMENTWISE:
            return [np.broadcast_shapes(*shapes)]
        if node.op in SHRINKING:
            return [(max(1, operands[0].ndim), max(1, operands[0].size))] * len(node.outputs)
        return inferred_shapes(node, operands)
    except (ValueError, IndexError) as error:
        raise ReadError(f"{node}: operand shapes {shapes} do not fit together.") from error


def inferred_shapes(node: Node, operands: list[np.ndarray | None]) -> list[tuple[int, ...]]:
    """Shapes of the results by onnx's shape inference."""
    version = node.attributes["opset"]
    schema = schema_of(node.op, version)
    if schema is None:
        raise ReadError(
            f"{node}: operator {node.op} on constants is not known in opset {version}. Fold the "
            "constants before the export (onnxsim)."
        )
    try:
        found = infer(node, operands, schema)
    except Exception as error:  # whatever the onnx package raises for an invalid node
        raise ReadError(
            f"{node}: its constant operands do not fit the operator ({text_of(error)}). The file "
            "is damaged; check it with onnx.checker."
        ) from error
    shapes = []
    for output in filter(None, node.outputs):
        kind = found.get(output)
        tensor = kind.tensor_type if kind is not None else None
        dims = tensor.shape.dim if tensor is not None and tensor.HasField("shape") else None
        if dims is None or not all(dim.HasField("dim_value") for dim in dims):
            raise ReadError(
                f"{node}: the size of its constant result is not known beforehand. Fold the "
                "constants before the export (onnxsim)."
            )
        shapes.append(tuple(dim.dim_value for dim in dims))
    return shapes


def infer(
    node: Node, operands: list[np.ndarray | None], schema: defs.OpSchema
) -> dict[str, onnx.TypeProto]:
    """Types of the results, from the operands' types and the values of short ones."""
    types, data = {}, {}
    for tensor, value in zip(node.inputs, operands, strict=True):
        if value is None:
            continue
        # The front end computes floats in float64, inference wants them as the file has them.
        value = value.astype(np.float32) if value.dtype.kind == "f" else value
        kind = helper.np_dtype_to_tensor_dtype(value.dtype)
        types[tensor] = helper.make_tensor_type_proto(kind, value.shape)
        if value.size <= LONGEST_LIST:
            data[tensor] = numpy_helper.from_array(value)
    opsets = [helper.make_opsetid("", node.attributes["opset"])]
    return shape_inference.infer_node_outputs(
        schema, proto_of(node), types, data, opset_imports=opsets
    )


def text_of(error: Exception) -> str:
    """The first line of a message of the onnx package."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def compute(node: Node, operands: list[np.ndarray | None]) -> list[np.ndarray]:
    """The node's results: integers in their types, floats in float64."""
    if node.op in OWN:
        if node.op == "Identity":
            return [operands[0]]
        floats = [value if value is None else value.astype(np.float64) for value in operands]
        return [elementwise.apply(node, floats)]
    to_float = node.attributes.get("to") in (TensorProto.FLOAT, TensorProto.FLOAT16)
    if node.op == "Cast" and operands[0].dtype.kind == "f" and to_float:
        return [operands[0]]
    return [
        value.astype(np.float64) if value.dtype.kind == "f" else value
        for value in map(np.asarray, run_onnx(node, operands))
    ]


def proto_of(node: Node) -> onnx.NodeProto:
    """The node as ONNX has it."""
    attributes = {}
    for name, value in node.attributes.items():
        if name != "opset":
            is_array = isinstance(value, np.ndarray)
            attributes[name] = numpy_helper.from_array(value) if is_array else value
    return helper.make_node(node.op, node.inputs, node.outputs, **attributes)


def run_onnx(node: Node, operands: list[np.ndarray | None]) -> list[np.ndarray]:
    """One standard node by onnx's own reference implementation, floats in float64."""
    given = {
        tensor: value
        for tensor, value in zip(node.inputs, operands, strict=True)
        if value is not None
    }
    infos = [
        helper.make_tensor_value_info(
            tensor, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape
        )
        for tensor, value in given.items()
    ]
    results = [helper.make_empty_tensor_value_info(name) for name in node.outputs if name]
    model = helper.make_model(
        helper.make_graph([proto_of(node)], "constant", infos, results),
        opset_imports=[helper.make_opsetid("", node.attributes["opset"])],
    )
    return ReferenceEvaluator(model).run(None, given)
