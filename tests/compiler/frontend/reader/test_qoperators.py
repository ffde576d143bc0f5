"""QOperator files: read as QDQ, and equal to what onnxruntime's integer kernels compute."""

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from compiler.check.partner import run_session
from compiler.errors import UnsupportedError
from compiler.frontend.dialect import described
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import load_file, load_model
from golden import execute

SCALE, ZERO = np.float32(1 / 255), np.uint8(0)


class QOperators:
    """A network of quantised operators, as onnxruntime's tool writes it."""

    def __init__(self, rng):
        self.rng, self.nodes, self.constants = rng, [], []
        self.codes = ["x_codes"]
        self.add("QuantizeLinear", ["x", self.of(SCALE), self.of(ZERO)], "x_codes", domain="")

    def of(self, value) -> str:
        name = f"k{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def add(self, op, inputs, output, domain="com.microsoft", **attributes) -> str:
        self.nodes.append(
            helper.make_node(op, inputs, [output], name=f"n_{output}", domain=domain, **attributes)
        )
        self.codes.append(output)
        return output

    def conv(self, x, scale, zero, output, channels, depth, *, biased=True) -> tuple:
        steps = self.rng.uniform(0.002, 0.01, channels).astype(np.float32)
        weights = self.rng.integers(-127, 128, (channels, depth, 3, 3)).astype(np.int8)
        result = np.float32(0.02), np.uint8(self.rng.integers(0, 9))
        inputs = [
            x, self.of(scale), self.of(zero), self.of(weights), self.of(steps),
            self.of(np.zeros(channels, np.int8)), *map(self.of, result),
        ]  # fmt: skip
        if biased:
            inputs.append(self.of(self.rng.integers(-999, 999, channels).astype(np.int32)))
        name = self.add("QLinearConv", inputs, output, domain="", pads=[1] * 4)
        return name, *result

    def model(self, last: str, scale, zero) -> onnx.ModelProto:
        self.nodes.append(
            helper.make_node("DequantizeLinear", [last, self.of(scale), self.of(zero)], ["y"])
        )
        x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])
        y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
        graph = helper.make_graph(self.nodes, "g", [x], [y], self.constants)
        opsets = [helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def compared(net: QOperators, model, tmp_path, rng) -> dict[str, np.ndarray]:
    """Codes of the network and of onnxruntime, which runs the file as it is."""
    path = tmp_path / "q.onnx"
    onnx.save(model, path)
    network = read_network(path)
    picture = rng.integers(0, 256, (3, 8, 8), dtype=np.uint8)
    results = execute.run(network, picture)
    wanted = [name for name in net.codes if name in network.onnx_names.values()]
    shown = onnx.ModelProto()
    shown.CopyFrom(model)
    shown.graph.output.extend(helper.make_empty_tensor_value_info(name) for name in net.codes)
    found = run_session(shown, (picture[None] / 255).astype(np.float32), net.codes, optimised=True)
    values = execute.outputs(network, results)
    return found, values, wanted


def test_convolutions(tmp_path, rng):
    net = QOperators(rng)
    x, scale, zero = net.conv("x_codes", SCALE, ZERO, "a", 8, 3)
    x, scale, zero = net.conv(x, scale, zero, "b", 6, 8, biased=False)
    model = net.model(x, scale, zero)
    found, values, _ = compared(net, model, tmp_path, rng)
    expected = (found["b"][0].astype(np.int64) - int(zero)) * float(scale)
    np.testing.assert_allclose(values["y"], expected, rtol=1e-6, atol=1e-9)
    assert len(np.unique(found["b"])) > 50


def test_elementwise_and_joins(tmp_path, rng):
    net = QOperators(rng)
    a = net.conv("x_codes", SCALE, ZERO, "a", 4, 3)
    b = net.conv("x_codes", SCALE, ZERO, "b", 4, 3)
    out = np.float32(0.03), np.uint8(3)
    both = [net.of(k) for k in (*a[1:], *b[1:])]
    added = net.add("QLinearAdd", [a[0], *both[:2], b[0], *both[2:], *map(net.of, out)], "sum")
    leaky = net.add(
        "QLinearLeakyRelu", [added, *map(net.of, out), *map(net.of, out)], "leaky", alpha=0.125
    )
    joined = net.add(
        "QLinearConcat",
        [*map(net.of, out), leaky, *map(net.of, out), added, *map(net.of, out)],
        "joined",
        axis=1,
    )
    last = net.conv(joined, *out, "last", 5, 8)
    model = net.model(*last)
    found, values, _ = compared(net, model, tmp_path, rng)
    expected = (found["last"][0].astype(np.int64) - int(last[2])) * float(last[1])
    # The sum of two is not rounded alike: onnxruntime's kernel takes its own order.
    close = np.isclose(values["y"], expected, rtol=1e-6, atol=float(last[1]) * 1.01)
    assert close.all()
    assert np.isclose(values["y"], expected, rtol=1e-6, atol=1e-9).mean() > 0.97


def test_the_form_is_read_and_told(tmp_path, rng):
    net = QOperators(rng)
    path = tmp_path / "q.onnx"
    onnx.save(net.model(*net.conv("x_codes", SCALE, ZERO, "a", 8, 3)), path)
    assert described(load_file(path)).startswith("mixed: QOperator (QLinearConv ...)")
    model = load_model(path)
    assert not any(node.op_type.startswith("QLinear") for node in model.graph.node)
    names = [name for node in model.graph.node for name in node.output]
    assert len(names) == len(set(names))
    # Scales of the bias are those of the sums, in float32.
    (bias,) = (t for t in model.graph.initializer if t.name.endswith("bias_scale"))
    steps = next(t for t in model.graph.initializer if t.dims == [8] and t.data_type == 1)
    product = SCALE * numpy_helper.to_array(steps)
    np.testing.assert_array_equal(numpy_helper.to_array(bias), product)


@pytest.mark.parametrize(
    ("op", "given", "text"),
    [("QLinearSoftmax", {}, "QLinearSoftmax 'n_y0': is not read; supported of QOperator files are"),
     ("QLinearAveragePool", {"channels_last": 1}, "channels_last is not supported")],
)  # fmt: skip
def test_others_are_refused(tmp_path, rng, op, given, text):
    net = QOperators(rng)
    a = net.conv("x_codes", SCALE, ZERO, "a", 4, 3)
    inputs = [a[0], *map(net.of, (*a[1:], *a[1:]))]
    net.add(op, inputs, "y0", **given)
    path = tmp_path / "q.onnx"
    onnx.save(net.model("y0", *a[1:]), path)
    with pytest.raises(UnsupportedError, match=text):
        load_model(path)
