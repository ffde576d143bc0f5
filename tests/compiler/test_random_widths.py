"""Layers of all widths of weights and codes: integer network, formula, exact graph, onnxruntime."""

from pathlib import Path

import numpy as np
import pytest

from compiler.check.layers import against_default, against_single
from compiler.check.onnx import against_onnx
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.network import Convolution, Lookup, TableSum
from golden.operators import convolution_sums, integers, product_codes
from tests.samples.qdq_net import QdqNet, zero_point

WIDTHS = range(1, 9)
#: Without instructions for it, x86 adds pairs of products of bytes in 16 bits: 2 * 255 * 63 fit.
SATURATING = 8


def adds_in_32_bits() -> bool:
    """Whether onnxruntime's kernels for bytes never saturate on this processor."""
    flags = Path("/proc/cpuinfo")
    text = flags.read_text() if flags.exists() else ""
    return "vnni" in text or "flags" not in text


def random_net(weights: int, codes: int, seed: int) -> QdqNet:
    """Five layers with convolutions, of which one is followed by a table, one is a shortcut and two
    are joined; every other parameter is drawn."""
    net = QdqNet(seed=seed)
    rng = net.rng

    def layer(x: str, channels: int, depth: int, function=lambda x: x, **more) -> str:
        per_channel, biased = bool(rng.integers(2)), bool(rng.integers(4))
        y = net.weighted(
            x, channels, depth, weights, per_channel=per_channel, biased=biased, **more
        )
        return coded(function(y))

    def coded(y: str, size: float = 3.0) -> str:
        signed = bool(rng.integers(2))
        scale = size * rng.uniform(0.5, 2) / (1 << codes)
        return net.coded(y, scale, zero_point(rng, codes, signed), codes, signed)

    def limited(y: str) -> str:
        ends = {"Relu": [], "Clip": [net.constant(-0.5), net.constant(1.0)]}
        op = str(rng.choice(list(ends)))
        return net.node(op, y, *ends[op])

    x = layer(net.picture(), 8, 3)
    y = layer(x, 8, 8, limited)
    table = [net.silu, lambda x: net.node("LeakyRelu", x, alpha=0.1),
             lambda x: net.node("HardSwish", x)][rng.integers(3)]  # fmt: skip
    z = coded(table(layer(y, 8, 8, group=int(rng.choice([1, 2, 8])))))
    z = coded(net.node("Add", x, z), 6.0)
    w = layer(z, 4, 8, kernel=1, strides=[1, 1])
    joined = net.node("Concat", z, w, axis=1)
    joined = net.node("MaxPool", joined, kernel_shape=[2, 2], strides=[2, 2])
    net.result(layer(coded(joined), 8, 12), 8)
    return net


@pytest.mark.parametrize("codes", WIDTHS)
@pytest.mark.parametrize("weights", WIDTHS)
def test_all_widths(tmp_path, weights, codes):
    net = random_net(weights, codes, 100 * weights + codes)
    path, model = net.save(tmp_path), net.model()
    network = read_network(path)
    shape = network.shape(network.input)
    picture = net.rng.integers(0, 256, shape).astype(np.uint8)
    assert max(t.bits for n, t in network.tensors.items() if n != network.input) <= codes
    # Exact graph and formula: an error where the rule is broken.
    references = against_onnx(network, path, picture, 1 / 255)
    single = against_single(network, model, picture)
    wide = {n for n, tensor in network.tensors.items() if tensor.bits > 4}
    assert not [layer.name for layer in single.unexplained if layer.name in wide]
    if codes <= 4:
        assert not any(references["float64"].values())
        assert "formula" not in references
        return
    assert references["formula"].keys() >= wide - {network.input} - moved(network)
    assert not single.too_many
    assert_products(network, picture)
    if weights < SATURATING or adds_in_32_bits():
        compared = against_default(network, model, picture)
        assert len(compared) >= 6
        assert [(each.name, each.differing) for each in compared if each.differing] == []


def moved(network) -> set[str]:
    """Tensors that hold moved codes, which nothing rounds anew."""
    computing = Convolution | Lookup | TableSum
    return {o.output for o in network.operators if not isinstance(o, computing)} | {
        # Behind a Concat, a quantiser stands before it: the file has no such tensor.
        name
        for name in network.tensors
        if name not in network.onnx_names
    }


def assert_products(network, picture) -> None:
    """Every layer of wide codes has its product, which gives the codes of its thresholds."""
    results = execute.run(network, picture)
    for operator in network.operators:
        if not isinstance(operator, Convolution) or operator.thresholds is None:
            continue
        if operator.thresholds.levels.shape[1] < 16:
            continue
        source = integers(results[operator.input], network.tensors[operator.input])
        sums = convolution_sums(source, operator)
        found = results[operator.output if operator.table is None else operator.between]
        assert operator.product is not None
        assert (product_codes(sums, operator.product) == found).all()
