"""Write a trained Brevitas model as a QONNX file."""

from pathlib import Path

import numpy as np
import onnx
import torch
from brevitas.export import export_qonnx
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from quant.plain_onnx import code_range, plain

# Folding these would replace the codes' grid by bare floats.
QUANTISERS = ("Quant", "BipolarQuant")


def fold_constants(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace nodes with only constant inputs by their values, quantisers excepted.

    PyTorch spells the pads of one Pad node as six nodes of constant arithmetic, and a reader
    should find the four numbers instead.
    """
    folded = onnx.ModelProto()
    folded.CopyFrom(model)
    graph = folded.graph
    known = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    kept = []
    for node in graph.node:
        if node.op_type in QUANTISERS or not all(name in known for name in node.input if name):
            kept.append(node)
            continue
        inputs = [helper.make_empty_tensor_value_info(name) for name in node.input]
        outputs = [helper.make_empty_tensor_value_info(name) for name in node.output]
        single = helper.make_model(
            helper.make_graph([node], "constant", inputs, outputs), opset_imports=model.opset_import
        )
        values = ReferenceEvaluator(single).run(None, {name: known[name] for name in node.input})
        known.update(zip(node.output, values, strict=True))
    used = {name for node in kept for name in node.input}
    initialisers = [numpy_helper.from_array(v, name) for name, v in known.items() if name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(kept)
    graph.initializer.extend(initialisers)
    real = [i for i in graph.input if i.name not in known]
    del graph.input[:]
    graph.input.extend(real)
    return folded


def settle_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """Replace the latent weights of training by the values that their quantisers give.

    The quantisers stay and change nothing any more, so the graph computes what it did; the file
    says plainly what the weights are, and compresses well.
    """
    settled = onnx.ModelProto()
    settled.CopyFrom(model)
    tensors = {i.name: i for i in settled.graph.initializer}
    for node in settled.graph.node:
        if node.op_type in QUANTISERS and node.input[0] in tensors:
            latent, scale = (numpy_helper.to_array(tensors[name]) for name in node.input[:2])
            if node.op_type == "BipolarQuant":
                value = np.where(latent >= 0, scale, -scale)
            else:
                flags = {a.name: bool(helper.get_attribute_value(a)) for a in node.attribute}
                bits = int(numpy_helper.to_array(tensors[node.input[3]]))
                low, high = code_range(bits, signed=flags["signed"], narrow=flags["narrow"])
                value = np.rint(np.clip(latent / scale, low, high)) * scale
            name = node.input[0]
            tensors[name].CopyFrom(numpy_helper.from_array(value.astype(np.float32), name))
    return settled


def state_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Write every tensor's shape into the graph.

    ONNX cannot infer shapes through QONNX operators, but their plain form names the same tensors.
    """
    stated = onnx.ModelProto()
    stated.CopyFrom(model)
    graph = stated.graph
    for output in graph.output:
        output.type.tensor_type.ClearField("shape")  # PyTorch leaves symbols here
    inferred = onnx.shape_inference.infer_shapes(plain(stated), check_type=True, strict_mode=True)
    names = {name for node in graph.node for name in node.output}
    del graph.value_info[:], graph.output[:]
    graph.value_info.extend(v for v in inferred.graph.value_info if v.name in names)
    graph.output.extend(inferred.graph.output)
    return stated


def export(model: nn.Module, path: Path, shape: tuple[int, ...], outputs: tuple[str, ...]) -> None:
    """Export ``model`` at the fixed input ``shape`` to ``path`` and check the file.

    Raises ``onnx.checker.ValidationError`` for a file that is not ONNX, and
    ``onnx.shape_inference.InferenceError`` where shapes contradict each other.
    """
    export_qonnx(
        model.cpu().eval(),
        args=torch.zeros(shape),
        export_path=str(path),
        opset_version=13,
        input_names=["pixels"],
        output_names=list(outputs),
        dynamo=False,  # the exporter that Brevitas' QONNX handlers are written for
    )
    exported = state_shapes(settle_weights(fold_constants(onnx.load(str(path)))))
    for node in exported.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    onnx.checker.check_model(exported)
    onnx.shape_inference.infer_shapes(exported, check_type=True, strict_mode=True)
    onnx.save(exported, str(path))
