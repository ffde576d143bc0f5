"""A float ONNX file, ready to be quantised: simplified by onnxruntime, its tensors by name.

onnxruntime's basic optimisations fold BatchNormalization, and constant factors and offsets, into
the convolutions, fold constants and drop Identity: all in standard operators. Of its further levels
nothing is used, for those write operators of their own.
"""

import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import ModelProto, NodeProto, numpy_helper, version_converter

from compiler.errors import ReadError, UnsupportedError
from compiler.frontend.reader.onnx_reader import load_model
from compiler.quantize.hosted import hosted_tensors
from compiler.quantize.transposed import without_transposed
from host.quiet import no_warnings

FIRST_OPSET = 13
"""The first in which DequantizeLinear has a scale for each channel."""
QUANTISED = frozenset(
    {
        "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "QLinearConv", "ConvInteger",
        "Quant", "IntQuant", "BipolarQuant", "MultiThreshold",
    }
)  # fmt: skip
"""Operators of networks that are quantised already."""


@dataclass(frozen=True, eq=False)
class FloatNetwork:
    """A float network [1, channels, height, width] in standard operators; never changed in place.

    ``constants``: the initialisers by name, as the file has them.
    """

    model: ModelProto
    constants: dict[str, np.ndarray]
    input: str
    shape: tuple[int, int, int]

    @cached_property
    def nodes(self) -> tuple[NodeProto, ...]:
        """In an order in which they can be computed."""
        return tuple(self.model.graph.node)

    @cached_property
    def producers(self) -> dict[str, NodeProto]:
        """The node that makes each tensor."""
        return {tensor: node for node in self.nodes for tensor in node.output}

    @cached_property
    def consumers(self) -> dict[str, list[NodeProto]]:
        """The nodes that read each tensor, in order."""
        found: dict[str, list[NodeProto]] = {}
        for node in self.nodes:
            for tensor in dict.fromkeys(node.input):
                found.setdefault(tensor, []).append(node)
        return found

    @cached_property
    def outputs(self) -> tuple[str, ...]:
        """Names of the results."""
        return tuple(value.name for value in self.model.graph.output)

    @cached_property
    def hosted(self) -> frozenset[str]:
        """Tensors that the host computes in mid-network."""
        return hosted_tensors(self.model)

    def variables(self, node: NodeProto) -> list[str]:
        """The inputs of a node that depend on the picture."""
        return [t for t in node.input if t == self.input or t in self.producers]

    def with_constants(self, changed: dict[str, np.ndarray]) -> "FloatNetwork":
        """The same network with other values in some initialisers, of the same shapes."""
        model = ModelProto()
        model.CopyFrom(self.model)
        for tensor in model.graph.initializer:
            if tensor.name in changed:
                values = changed[tensor.name].astype(np.float32)
                tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
        return FloatNetwork(model, self.constants | changed, self.input, self.shape)


def read_float_network(path: Path) -> FloatNetwork:
    """Read and simplify a file; ReadError or UnsupportedError where it is no float network."""
    model = load_model(path)
    done = next((n for n in model.graph.node if n.op_type in QUANTISED), None)
    if done is not None:
        raise UnsupportedError(
            f"{path}: is quantised already ({done.op_type} {done.name or done.output[0]!r}); "
            "supported are float networks. Build it as it is."
        )
    try:
        return simplified(with_opset(model))
    except (ReadError, UnsupportedError) as error:
        raise type(error)(f"{path}: {error}") from None


def with_opset(model: ModelProto) -> ModelProto:
    """The model in an opset that has what is written, without inputs that are weights."""
    names = {tensor.name for tensor in model.graph.initializer}
    pictures = [value for value in model.graph.input if value.name not in names]
    del model.graph.input[:]
    model.graph.input.extend(pictures)
    versions = [entry.version for entry in model.opset_import if entry.domain in ("", "ai.onnx")]
    if versions and max(versions) >= FIRST_OPSET:
        return model
    try:
        return version_converter.convert_version(model, FIRST_OPSET)
    except Exception as error:  # the converter raises what its C++ does
        raise ReadError(
            f"opset {versions}, and onnx cannot convert it to {FIRST_OPSET} "
            f"({str(error).splitlines()[0][:200]}). Export the network with opset 13 or newer."
        ) from None


def simplified(model: ModelProto) -> FloatNetwork:
    """The network after onnxruntime's basic optimisations; with its shapes."""
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    with tempfile.TemporaryDirectory() as folder, no_warnings():
        target = Path(folder) / "simplified.onnx"
        options.optimized_model_filepath = str(target)
        try:
            onnxruntime.InferenceSession(
                model.SerializeToString(), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a class for each of its errors
            told = " ".join(str(error).split())[:300]
            raise ReadError(f"onnxruntime cannot load it ({told}). Export it again.") from None
        model = onnx.load(target)
    used = {node.domain for node in model.graph.node}
    kept = [entry for entry in model.opset_import if entry.domain == "" or entry.domain in used]
    imports = [onnx.helper.make_opsetid(entry.domain, entry.version) for entry in kept]
    del model.opset_import[:]
    model.opset_import.extend(imports)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, metadata)
    return described(without_transposed(model))


def described(model: ModelProto) -> FloatNetwork:
    """The network of a model whose constants are initialisers."""
    inputs = list(model.graph.input)
    sizes = [[d.dim_value for d in v.type.tensor_type.shape.dim] for v in inputs]
    if len(inputs) != 1 or len(sizes[0]) != 4 or min(sizes[0][1:]) <= 0 or sizes[0][0] > 1:
        raise ReadError(
            f"inputs {[v.name for v in inputs]} of shapes {sizes}; supported is one, "
            "[1, channels, height, width]. Give its size with --size, or export it with one."
        )
    if inputs[0].type.tensor_type.elem_type != onnx.TensorProto.FLOAT:
        raise UnsupportedError(
            f"input {inputs[0].name!r} is not of float32; supported are float32 networks. Export "
            "it without half precision and without quantisation."
        )
    constants = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    _, channels, height, width = sizes[0]
    return FloatNetwork(model, constants, inputs[0].name, (channels, height, width))
