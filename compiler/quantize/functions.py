"""Elementwise chains of a network as functions of numbers, computed by onnxruntime."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.observe import session
from compiler.quantize.points import Chain

POINTS = 4097
"""Places where a function is looked at to tell whether it rises."""


class Function:
    """A chain from its root, alike in all channels: ``is_plain``, otherwise not to be called."""

    def __init__(self, network: FloatNetwork, chain: Chain):
        self.chain = chain
        used = {tensor for node in chain.nodes for tensor in node.input}
        constants = {name: network.constants[name] for name in used if name in network.constants}
        self.is_plain = all(value.size == 1 for value in constants.values())
        self.runner = None
        if chain.nodes and self.is_plain:
            ends = [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, 1, None])
                for name in (chain.root, chain.tensor)
            ]
            held = [numpy_helper.from_array(value, name) for name, value in constants.items()]
            graph = helper.make_graph(list(chain.nodes), "chain", ends[:1], ends[1:], held)
            model = helper.make_model(
                graph,
                opset_imports=network.model.opset_import,
                ir_version=network.model.ir_version,
            )
            self.runner = session(model, 1)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """float32 [n] of float32 [n]."""
        if self.runner is None:
            return x
        image = np.asarray(x, np.float32).reshape(1, 1, 1, -1)
        return self.runner.run(None, {self.chain.root: image})[0].reshape(-1)

    def rises(self, low: float, high: float) -> bool:
        """Whether it never falls from ``low`` to ``high``; False where that is not known."""
        if not self.is_plain:
            return all(node.op_type in ("PRelu", "BatchNormalization") for node in self.chain.nodes)
        y = self(np.linspace(low, high, POINTS, dtype=np.float32))
        return bool((np.diff(y) >= -1e-6 * np.abs(y).max(initial=0)).all())
