"""A few lines make a small ONNX network, with the parts every test needs already in it."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from arch.machine import Machine
from arch.memory import SDR16_100
from compiler.build_folder import write_build
from compiler.flow import compile_file

QONNX = "qonnx.custom_op.general"
SMALL = 16
"""Height and width of :func:`small_build`'s picture."""
CUSTOM = {"Quant", "IntQuant", "BipolarQuant", "MultiThreshold"}


class Net:
    """Nodes in the order of calls; every call returns the name of its result."""

    def __init__(self, shape: tuple = (1, 3, 8, 8), opset: int = 17, seed: int = 1):
        self.shape = shape
        self.opset = opset
        self.rng = np.random.default_rng(seed)
        self.nodes: list = []
        self.initialisers: list = []
        self.outputs: list[str] = []

    def constant(self, value, kind=np.float32) -> str:
        name = f"k{len(self.initialisers)}"
        self.initialisers.append(numpy_helper.from_array(np.asarray(value, kind), name))
        return name

    def node(self, op: str, *inputs, name: str | None = None, outputs: int = 1, **attributes):
        """Arrays and numbers among the inputs become float initialisers."""
        names = [x if isinstance(x, str) else self.constant(x) for x in inputs]
        place = len(self.nodes)
        results = [f"t{place}" if i == 0 else f"t{place}_{i}" for i in range(outputs)]
        label = f"{op.lower()}{place}" if name is None else name
        domain = QONNX if op in CUSTOM else ""
        self.nodes.append(
            helper.make_node(op, names, results, name=label, domain=domain, **attributes)
        )
        return results[0] if outputs == 1 else results

    def conv(self, x: str, channels: int, depth: int, kernel: int = 3, **attributes) -> str:
        """A convolution with random 3-bit weights, padded to keep the size."""
        weights = self.rng.integers(-3, 4, (channels, depth, kernel, kernel)) * 0.0625
        weights[:, 0, 0, 0] = 0.0625
        attributes.setdefault("pads", [kernel // 2] * 4)
        return self.node("Conv", x, weights, **attributes)

    def quant(self, x: str, scale: float = 0.5, bits: int = 4, signed: int = 0, **more) -> str:
        more.setdefault("narrow", 0)
        zero = more.pop("zero", 0.0)
        return self.node("Quant", x, scale, zero, float(bits), signed=signed, **more)

    def head(self, x: str, depth: int) -> None:
        """A 1x1 convolution as the network's output."""
        self.outputs.append(self.conv(x, 5, depth, 1))

    def model(self) -> onnx.ModelProto:
        picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, self.shape)
        results = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, "small", [picture], results, self.initialisers)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(QONNX, 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)

    def save(self, folder: Path) -> Path:
        path = folder / "small.onnx"
        onnx.save(self.model(), path)
        return path


def quantised_net(**options) -> tuple[Net, str]:
    """A network begun: picture, convolution to 8 channels, 4-bit quantiser."""
    net = Net(**options)
    x = net.conv("x", 8, 3)
    x = net.quant(net.node("Relu", net.node("Add", x, 0.3)))
    return net, x


def small_build(folder: Path, machine: Machine) -> tuple[Path, Path]:
    """Write a build of two layers, without Verilog, and a picture's codes; return where they are.

    It is small enough for simulations that are slow.
    """
    net = Net((1, 3, SMALL, SMALL))
    x = net.quant(net.conv(net.quant("x", 1 / 255, bits=8), 16, 3))
    net.head(net.quant(net.conv(x, 16, 16)), 16)
    model, build, picture = folder / "small.onnx", folder / "build", folder / "picture.npy"
    model.write_bytes(net.model().SerializeToString())
    compiled = compile_file(model, machine, SDR16_100)
    write_build(compiled, build, model, input_scale=1 / 255, verilog=False)
    codes = np.random.default_rng(1).integers(0, 256, (3, SMALL, SMALL), dtype=np.uint8)
    np.save(picture, codes)
    return build, picture
