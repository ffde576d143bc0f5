"""The integer network layer by layer against another computation of its file: each layer is fed
with that one's codes, so that a difference shows where it is made."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto

from compiler.check.compare import codes_of
from compiler.check.formula import Formula
from compiler.check.partner import run_default, run_onnxruntime
from compiler.check.roundings import Rounding, constants_of, roundings
from compiler.exact.picture import input_of
from compiler.frontend.encoding import NARROW
from golden import execute
from golden.network import Network


@dataclass(frozen=True, eq=False)
class Layer:
    """One tensor of codes, as the network computes it and as it is ``expected``: [C, H, W]."""

    name: str
    found: np.ndarray
    expected: np.ndarray

    @property
    def differing(self) -> int:
        return int((self.found != self.expected).sum())


def layers(network: Network, picture: np.ndarray, known: Mapping[str, np.ndarray]) -> list[Layer]:
    """Every tensor of the network of which ``known`` has the codes, computed from known ones."""
    results = {network.input: execute.picture_codes(network, picture)}
    compared = []
    for operator in network.operators:
        for part in execute.parts(operator):
            name, codes = part.output, execute.apply(part, network, results)
            results[name] = codes
            if name in known:
                compared.append(Layer(name, codes, known[name]))
                results[name] = known[name].astype(np.uint8)
    return compared


def known_codes(network: Network, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Codes int64 of the network's tensors from float values of ONNX tensors."""
    return {
        name: codes_of(values[onnx].astype(np.float64), network.tensors[name])
        for name, onnx in network.onnx_names.items()
        if onnx in values and name != network.input
    }


def image_of(model: ModelProto, picture: np.ndarray, input_scale: float) -> np.ndarray:
    """A file's input [1, C, H, W] for the codes of a picture."""
    kind = input_of(model)[1]
    return picture[None] if kind.kind in "iu" else (picture[None] * input_scale).astype(kind)


def against_default(
    network: Network, model: ModelProto, picture: np.ndarray, input_scale: float = 1 / 255
) -> list[Layer]:
    """The layers whose codes onnxruntime, as people run it, hands out."""
    found = run_default(model, image_of(model, picture, input_scale))
    constants, values = constants_of(model), {}
    for node in model.graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in found:
            zero = constants[node.input[2]] if len(node.input) > 2 else np.int64(0)
            whole = found[node.input[0]].astype(np.int64) - zero.astype(np.int64)
            values[node.output[0]] = whole * constants[node.input[1]].astype(np.float64)
    return layers(network, picture, known_codes(network, values))


#: Share of a network's codes that sums of float32 may put on the other side of a tie.
SHARE = 1e-5


@dataclass(frozen=True, eq=False)
class Single:
    """The layers against float32 arithmetic: ``unexplained`` are differences that are no ties."""

    layers: list[Layer]
    unexplained: list[Layer]

    @property
    def too_many(self) -> bool:
        """Whether more codes differ than there are ties: at least one may."""
        size = sum(layer.found.size for layer in self.layers)
        return sum(layer.differing for layer in self.layers) > max(1, SHARE * size)


def against_single(
    network: Network, model: ModelProto, picture: np.ndarray, input_scale: float = 1 / 255
) -> Single:
    """The layers against onnxruntime with its optimiser off."""
    values = run_onnxruntime(model, image_of(model, picture, input_scale))
    compared = layers(network, picture, known_codes(network, values))
    rounding = roundings(model)
    unexplained = [
        layer
        for layer in compared
        if layer.differing and not explained(layer, rounding, values, network)
    ]
    return Single(compared, unexplained)


def explained(
    layer: Layer,
    rounding: Mapping[str, Rounding],
    values: Mapping[str, np.ndarray],
    network: Network,
) -> bool:
    """Whether a layer's differences are ties of its quantiser."""
    found = rounding.get(network.onnx_names[layer.name])
    return found is not None and found.explains(
        values[found.source].astype(np.float64), layer.expected, layer.found
    )


def against_formula(
    network: Network,
    model: ModelProto,
    picture: np.ndarray,
    input_scale: float = 1 / 255,
    results: Mapping[str, np.ndarray] | None = None,
) -> list[Layer]:
    """The layers of more than 4 bits against the runtimes' formula, each fed with the network's
    codes.

    Not those that the formula does not give: see ``docs/numerics.md``, 3.
    """
    known = {onnx: name for name, onnx in network.onnx_names.items()}
    results = execute.run(network, picture) if results is None else results
    compared: list[Layer] = []

    def watch(onnx: str, value: np.ndarray) -> np.ndarray:
        name = known.get(onnx)
        if name is None or name == network.input:
            return value
        tensor, codes = network.tensors[name], results[name]
        if tensor.bits > NARROW and onnx in formula.known:
            compared.append(Layer(name, codes, codes_of(value.astype(np.float64), tensor)))
        meant = tensor.scale * (tensor.step * codes.astype(np.int64) + tensor.offset)
        return meant[None].astype(value.dtype)

    formula = Formula(model, watch)
    formula.run(image_of(model, picture, input_scale).astype(np.float32))
    return compared
