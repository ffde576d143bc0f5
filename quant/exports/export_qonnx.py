"""Write a trained model as a QONNX file."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import Tensor, nn

from compiler.check.reference import run_float64
from quant.exports.expand_requantise import expand_requantise
from quant.exports.graph import constants_of, rebuilt
from quant.quantisers.base import code_range
from quant.quantisers.integer_nodes import DOMAIN as INTEGER_DOMAIN
from quant.quantisers.onnx_nodes import DOMAIN

# Folding these would replace the codes' grid by bare floats.
QUANTISERS = ("Quant", "BipolarQuant")


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace nodes with only constant inputs by their values, quantisers excepted.

    PyTorch spells the pads of one Pad node as six nodes of constant arithmetic, and a reader
    should find the four numbers instead.
    """
    known = constants_of(model)
    kept, computed = [], {}
    for node in model.graph.node:
        if node.op_type in QUANTISERS or not all(name in known for name in node.input if name):
            kept.append(node)
            continue
        inputs = [helper.make_empty_tensor_value_info(name) for name in node.input if name]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
        single = helper.make_model(
            helper.make_graph([node], "constant", inputs, outputs), opset_imports=model.opset_import
        )
        given = {name: known[name] for name in node.input if name}
        values = ReferenceEvaluator(single).run(None, given)
        computed |= dict(zip(node.output, values, strict=True))
        known |= computed
    folded = rebuilt(model, kept, (numpy_helper.from_array(v, n) for n, v in computed.items()))
    # The older exporter also lists constants as inputs.
    real = [i for i in folded.graph.input if i.name not in known]
    del folded.graph.input[:]
    folded.graph.input.extend(real)
    return folded


def weight_codes(
    latent: np.ndarray, scale: np.ndarray, node: onnx.NodeProto, bits: int
) -> np.ndarray:
    """Integer codes int8 that a weight quantiser gives, in exact arithmetic.

    In float32 the quotient of a weight next to the middle of two codes might be that middle.
    """
    if node.op_type == "BipolarQuant":
        return np.where(latent >= 0, 1, -1).astype(np.int8)
    flags = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    low, high = code_range(bits, signed=bool(flags["signed"]), narrow=bool(flags["narrow"]))
    quotient = latent.astype(np.float64) / scale.astype(np.float64)
    return np.rint(np.clip(quotient, low, high)).astype(np.int8)


def settle_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace the latent weights of training by codes: int8 -> Cast -> Mul(scale) -> quantiser.

    The quantisers stay and change nothing any more, so the graph computes what it did; the file
    says plainly what the weights are, in a quarter of the bytes.
    """
    tensors = constants_of(model)
    nodes, constants = [], []
    for old in model.graph.node:
        node = onnx.NodeProto()
        node.CopyFrom(old)
        name = node.input[0] if node.input else ""
        if node.op_type in QUANTISERS and name in tensors:
            bits = int(tensors[node.input[3]]) if len(node.input) > 3 else 1
            codes = weight_codes(tensors[name], tensors[node.input[1]], node, bits)
            stored, number, value = f"{name}_codes", f"{name}_number", f"{name}_value"
            constants.append(numpy_helper.from_array(codes, stored))
            nodes.append(helper.make_node("Cast", [stored], [number], to=TensorProto.FLOAT))
            nodes.append(helper.make_node("Mul", [number, node.input[1]], [value]))
            node.input[0] = value
        nodes.append(node)
    return rebuilt(model, nodes, constants)


def state_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Write every tensor's type and shape into the graph, as running it once gives them.

    ONNX cannot infer shapes through QONNX operators.
    """
    stated = onnx.ModelProto()
    stated.CopyFrom(model)
    graph = stated.graph
    shape = [d.dim_value for d in graph.input[0].type.tensor_type.shape.dim]
    outputs = [output.name for output in graph.output]
    infos = {}
    for name, value in run_float64(stated, np.zeros(shape)).items():
        kind = np.float32 if value.dtype.kind == "f" else value.dtype
        code = helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        infos[name] = helper.make_tensor_value_info(name, code, value.shape)
    inner = [n for node in graph.node for n in node.output if n and n not in outputs]
    del graph.value_info[:], graph.output[:]
    graph.value_info.extend(infos[name] for name in inner)
    # PyTorch leaves symbols in the outputs' shapes, and float for integers.
    graph.output.extend(infos[name] for name in outputs)
    return stated


def export(
    model: nn.Module, path: Path, example: Tensor, outputs: tuple[str, ...], inputs: str = "pixels"
) -> None:
    """Export ``model`` at the fixed shape of ``example`` to ``path`` and check the file.

    Raises ``onnx.checker.ValidationError`` for a file that is not ONNX, and
    ``onnx.shape_inference.InferenceError`` where shapes contradict each other.
    """
    model = model.cpu().eval()
    with warnings.catch_warnings():
        # The exporter that takes symbols from autograd functions is the older one, and says so.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (example,),
            str(path),
            opset_version=13,
            input_names=[inputs],
            output_names=list(outputs),
            # Networks of integers, which take bytes, have one node of their own for a while.
            custom_opsets={DOMAIN if example.is_floating_point() else INTEGER_DOMAIN: 1},
            dynamo=False,
        )
    exported = state_shapes(settle_weights(expand_requantise(fold_constants(onnx.load(str(path))))))
    for node in exported.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(exported)
    onnx.shape_inference.infer_shapes(exported, check_type=True, strict_mode=True)
    onnx.save(exported, str(path))
