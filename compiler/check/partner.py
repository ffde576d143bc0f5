"""The ONNX graph in onnxruntime: floats in float32, by other people's code."""

import re
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper

from compiler.errors import OnefourError
from compiler.exact.picture import input_of
from compiler.frontend.reader.element_types import element_types
from compiler.frontend.reader.onnx_reader import MICROSOFT

#: Types whose arrays onnxruntime does not hand out: UINT4, INT4, FLOAT4E2M1, UINT2 and INT2, by
#: value because older onnx packages lack the names.
PACKED = {21, 22, 23, 25, 26}
LONGEST_REASON = 160


class NotComparableError(OnefourError):
    """Why onnxruntime does not compute this network, in one sentence."""


def with_every_output(model: ModelProto) -> tuple[ModelProto, dict[str, str]]:
    """The model with every tensor as an output, and which tensor each output shows.

    What onnxruntime cannot hand out is shown through a Cast to float.
    """
    whole = ModelProto()
    whole.CopyFrom(model)
    graph, types = whole.graph, element_types(model)
    taken = {v.name for v in [*graph.input, *graph.output, *graph.initializer]}
    names = list(dict.fromkeys(n for node in graph.node for n in node.output if n))
    taken.update(names)
    present = {value.name for value in graph.output}
    shown = {name: name for name in present}
    for name in names:
        if name in present:
            continue
        if types.get(name) not in PACKED:
            graph.output.append(helper.make_empty_tensor_value_info(name))
            shown[name] = name
            continue
        other = f"{name}/float"
        while other in taken:
            other += "_"
        taken.add(other)
        graph.node.append(helper.make_node("Cast", [name], [other], to=TensorProto.FLOAT))
        graph.output.append(helper.make_tensor_value_info(other, TensorProto.FLOAT, None))
        shown[other] = name
    # A packed tensor that is an output of the file stays one, and cannot be fetched.
    for name in present:
        if types.get(name) in PACKED:
            del shown[name]
    return whole, shown


def reason_of(error: Exception) -> str:
    """The first sentence of what onnxruntime says, without its codes and places in its source."""
    text = " ".join(str(error).split()) or type(error).__name__
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", text)
    text = re.sub(r"^/\S+:\d+ .*?\) (?=[A-Z])", "", text)
    text = re.split(r"(?<=[a-z0-9)])\. ", text)[0]
    return text if len(text) <= LONGEST_REASON else text[: LONGEST_REASON - 3] + "..."


def run_onnxruntime(model: str | Path | ModelProto, image: np.ndarray) -> dict[str, np.ndarray]:
    """Every tensor by onnxruntime, with its optimiser off (that one changes the numbers of
    quantised networks); 2- and 4-bit ones as floats.

    ``image`` [1, C, H, W]: floats, or the codes for an input of integers.
    :class:`NotComparableError` where onnxruntime cannot run the network.
    """
    model = model if isinstance(model, ModelProto) else onnx.load(model)
    refuse_domains(model)
    whole, shown = with_every_output(model)
    found = run_session(whole, image, list(shown), optimised=False)
    return {shown[output]: value for output, value in found.items()}


def refuse_domains(model: ModelProto) -> None:
    """NotComparableError where operators are not those of the standard."""
    others = {f"{n.op_type} ({n.domain})" for n in model.graph.node
              if n.domain not in ("", "ai.onnx", MICROSOFT)}  # fmt: skip
    if others:
        raise NotComparableError(f"it has operators of other domains: {', '.join(sorted(others))}")


def run_session(
    model: ModelProto, image: np.ndarray, wanted: list[str] | None, *, optimised: bool
) -> dict[str, np.ndarray]:
    """Outputs of a model (None: all) by onnxruntime, as people run it or with its optimiser off."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    if not optimised:
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    name, kind = input_of(model)
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        found = session.run(wanted, {name: np.asarray(image).astype(kind)})
    except Exception as error:  # onnxruntime's own classes, and what its bindings raise
        raise NotComparableError(reason_of(error)) from error
    return dict(zip(wanted or [v.name for v in session.get_outputs()], found, strict=True))


def run_default(model: ModelProto, image: np.ndarray) -> dict[str, np.ndarray]:
    """The codes that DequantizeLinear reads, by onnxruntime as people run it.

    No more is shown: that would keep its optimiser from joining operators into integer kernels.
    """
    shown = ModelProto()
    shown.CopyFrom(model)
    present = {value.name for value in model.graph.output}
    made = {name for node in model.graph.node for name in node.output}
    read = (node.input[0] for node in model.graph.node if node.op_type == "DequantizeLinear")
    codes = [name for name in dict.fromkeys(read) if name in made]
    for name in codes:
        if name not in present:
            shown.graph.output.append(helper.make_empty_tensor_value_info(name))
    return run_session(shown, image, codes, optimised=True)
