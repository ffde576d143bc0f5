"""The quantised network as a file: QuantizeLinear and DequantizeLinear, as exporters write them.

Codes are bytes whatever their width; where they have fewer than 8 bits, a Clip stands between the
two (QCDQ). So onnxruntime executes every width, from opset 13 on, with its integer kernels where
codes have 8 bits, and the front end reads the file as it is. The 4-bit types of opset 21 would
halve the file, but know neither 2, 3, 5, 6 and 7 bits nor those kernels; QONNX is not executed.
"""

from dataclasses import dataclass, field

import numpy as np
from onnx import ModelProto, NodeProto, helper, numpy_helper

from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.points import Points
from compiler.quantize.ranges import Grid


@dataclass(frozen=True, eq=False)
class Layer:
    """A convolution in integers: weights = ``integers`` int64 [out, in / groups, kh, kw] *
    ``steps`` float64 [out], and a ``bias`` of floats [out].

    ``unit``: the step of its input where its bias is to be integers of steps * unit.
    """

    integers: np.ndarray
    steps: np.ndarray
    bias: np.ndarray
    unit: float | None


@dataclass(eq=False)
class Writer:
    """Collects nodes and initialisers of the quantised graph."""

    network: FloatNetwork
    nodes: list[NodeProto] = field(default_factory=list)
    held: dict[str, np.ndarray] = field(default_factory=dict)
    names: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.names.update(self.network.constants, self.network.producers, [self.network.input])

    def fresh(self, base: str) -> str:
        """A tensor name that is not used yet."""
        name, number = base, 1
        while name in self.names:
            number += 1
            name = f"{base}_{number}"
        self.names.add(name)
        return name

    def constant(self, base: str, value: np.ndarray) -> str:
        """A new initialiser."""
        name = self.fresh(base)
        self.held[name] = value
        return name

    def node(self, op: str, inputs: list[str], output: str, **attributes: int) -> str:
        """A new node, called as its output."""
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"{op}_{output}", **attributes)
        )
        return output

    def rounded(self, tensor: str, grid: Grid) -> str:
        """The tensor on its grid."""
        scale = self.constant(f"{tensor}_scale", np.float32(grid.scale))
        zero = self.constant(f"{tensor}_zero_point", np.uint8(grid.zero))
        codes = self.node(
            "QuantizeLinear", [tensor, scale, zero], self.fresh(f"{tensor}_quantized")
        )
        if grid.bits < 8:
            low = self.constant(f"{tensor}_least", np.uint8(0))
            high = self.constant(f"{tensor}_most", np.uint8(grid.top))
            codes = self.node("Clip", [codes, low, high], self.fresh(f"{tensor}_clipped"))
        return self.node(
            "DequantizeLinear", [codes, scale, zero], self.fresh(f"{tensor}_dequantized")
        )

    def weights(self, name: str, layer: Layer) -> str:
        """The weights of a convolution, from bytes."""
        codes = self.constant(f"{name}_quantized", layer.integers.astype(np.int8))
        scale = self.constant(f"{name}_scale", layer.steps.astype(np.float32))
        zero = self.constant(f"{name}_zero_point", np.zeros(len(layer.steps), np.int8))
        result = self.fresh(f"{name}_dequantized")
        return self.node("DequantizeLinear", [codes, scale, zero], result, axis=0)

    def bias(self, name: str, layer: Layer) -> str:
        """The bias of a convolution: floats, or integers of the unit of its sums."""
        if layer.unit is None:
            return self.constant(f"{name}_corrected", layer.bias.astype(np.float32))
        units = layer.steps.astype(np.float32) * np.float32(layer.unit)
        whole = np.rint(layer.bias / units.astype(np.float64)).astype(np.int32)
        codes = self.constant(f"{name}_quantized", whole)
        scale = self.constant(f"{name}_scale", units)
        zero = self.constant(f"{name}_zero_point", np.zeros(len(units), np.int32))
        result = self.fresh(f"{name}_dequantized")
        return self.node("DequantizeLinear", [codes, scale, zero], result, axis=0)


def written(
    network: FloatNetwork,
    points: Points,
    grids: dict[str, Grid],
    layers: dict[str, Layer],
    trunk: tuple[NodeProto, ...],
) -> ModelProto:
    """The network with a quantiser behind every point and its ``layers`` (by output) in integers.

    ``grids`` by the points' groups. What is not in the ``trunk`` reads the tensors as they were;
    so does the host what it has made itself.
    """
    writer = Writer(network)
    inside = {id(node) for node in trunk}
    renamed: dict[str, str] = {}

    def quantise(tensor: str) -> None:
        if tensor in points.groups:
            renamed[tensor] = writer.rounded(tensor, grids[points.group(tensor)])

    quantise(network.input)
    for node in network.nodes:
        copy = NodeProto()
        copy.CopyFrom(node)
        if id(node) in inside:
            within = network.hosted if not network.hosted.isdisjoint(node.output) else ()
            for place, tensor in enumerate(copy.input):
                if tensor not in within:
                    copy.input[place] = renamed.get(tensor, tensor)
        if node.output[0] in layers:
            layer = layers[node.output[0]]
            base = copy.input[2] if len(copy.input) > 2 else f"{node.output[0]}_bias"
            operands = [
                copy.input[0],
                writer.weights(copy.input[1], layer),
                writer.bias(base, layer),
            ]
            del copy.input[:]
            copy.input.extend(operands)
        writer.nodes.append(copy)
        if id(node) in inside:
            for tensor in node.output:
                quantise(tensor)
    return assembled(network, writer)


def assembled(network: FloatNetwork, writer: Writer) -> ModelProto:
    """The model of the collected nodes, with the initialisers that they read."""
    model = ModelProto()
    model.CopyFrom(network.model)
    used = {tensor for node in writer.nodes for tensor in node.input}
    kept = [tensor for tensor in model.graph.initializer if tensor.name in used]
    made = [numpy_helper.from_array(value, name) for name, value in writer.held.items()]
    for part in (model.graph.node, model.graph.initializer, model.graph.value_info):
        del part[:]
    model.graph.node.extend(writer.nodes)
    model.graph.initializer.extend([*kept, *made])
    return model
