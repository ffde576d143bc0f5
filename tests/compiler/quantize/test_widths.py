"""Bits of every layer's own."""

import numpy as np
import onnx
import pytest

from compiler.check.onnx import against_onnx
from compiler.frontend.pipeline import read_network
from compiler.quantize.float_network import read_float_network
from compiler.quantize.options import Options
from compiler.quantize.points import find_points, layers
from compiler.quantize.quantise import Run
from compiler.quantize.widths import Widths, uniform
from tests.samples.float_net import branched, pictures_of


def mixed(network, seed: int, choices=(8, 6, 4, 3)) -> Widths:
    """Drawn for every layer and every grid."""
    rng, widths = np.random.default_rng(seed), uniform(network, Options())
    for layer in widths.weights:
        widths = widths.with_weights(layer, int(rng.choice(choices)))
    for members in find_points(network, ()).members().values():
        if network.input not in members:
            widths = widths.with_activations(tuple(members), int(rng.choice(choices)))
    return widths


def test_ends_keep_theirs(tmp_path):
    network = read_float_network(branched("relu").save(tmp_path))
    widths = uniform(network, Options(weights=3, activations=4, first=7, last=6))
    assert list(widths.weights.values()) == [7, 3, 3, 3, 6, 3, 6]
    assert set(widths.activations.values()) == {4}
    assert not widths.wide


@pytest.mark.parametrize("kind", ["relu", "leaky", "silu"])
@pytest.mark.parametrize("seed", range(3))
def test_front_end_and_runtime_agree_on_mixtures(tmp_path, kind, seed):
    """Also where the operands of an Add, or both sides of a function, differ in bits."""
    network = read_float_network(branched(kind).save(tmp_path))
    pictures, widths = pictures_of(tmp_path / "pictures"), mixed(network, seed)
    model = Run(network, pictures, Options(), widths).quantised()
    onnx.save(model, tmp_path / "mixed.onnx")
    integers = read_network(tmp_path / "mixed.onnx")
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(integers, model, codes, 1 / 255)
    assert sum(references["formula"].values()) + sum(references["float64"].values()) == 0
    spans = {
        tensor.name: int(np.abs(onnx.numpy_helper.to_array(tensor).astype(int)).max())
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.INT8 and len(tensor.dims) == 4
    }
    for node in layers(network):
        assert spans[f"{node.input[1]}_quantized"] <= 1 << (widths.weights[node.output[0]] - 1)
    for tensor, bits in widths.activations.items():
        assert integers.tensors[f"{tensor}_dequantized"].bits == bits
