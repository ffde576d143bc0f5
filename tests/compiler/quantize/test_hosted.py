"""Networks with pieces of the host: quantisers around those, none within, and the array goes on."""

import numpy as np
import pytest

from arch.machine import TINY
from compiler.build_folder import compiled_manifest
from compiler.check.frame import check_frame
from compiler.flow import compile_file
from compiler.quantize.float_network import read_float_network
from compiler.quantize.options import Options
from compiler.quantize.points import find_points, layers
from compiler.quantize.quantise import quantise
from golden.network import Convolution, HostMap
from tests.samples.float_net import FloatNet, attentive, branched, gated, pictures_of


def quantised(folder, net: FloatNet, bits: int):
    """The path of the network in so many bits, and the float network."""
    network = read_float_network(net.save(folder))
    found = pictures_of(folder / "pictures", 6, net.shape[-1])
    model = quantise(network, found, Options(weights=bits, activations=bits, pictures=2))
    path = folder / "quantised.onnx"
    path.write_bytes(model.SerializeToString())
    return path, network


def test_points_of_an_attention(tmp_path):
    network = read_float_network(attentive().save(tmp_path))
    hosted = {network.producers[tensor].op_type for tensor in network.hosted}
    assert {"Softmax", "MatMul", "Mul"} <= hosted
    assert "Conv" not in hosted
    within = network.hosted & find_points(network, network.producers).groups.keys()
    assert [network.producers[tensor].op_type for tensor in within] == ["Reshape"]
    assert len(layers(network)) == 6


def test_convolutions_of_a_gate_are_the_hosts(tmp_path):
    network = read_float_network(gated().save(tmp_path))
    assert len(layers(network)) == 3
    points = find_points(network, network.producers).groups
    assert {network.producers[tensor].op_type for tensor in network.hosted & points.keys()} == {
        "Mul"
    }


def test_nothing_is_the_hosts_without_such_operators(tmp_path):
    assert not read_float_network(branched("silu").save(tmp_path)).hosted


@pytest.mark.parametrize(("make", "maps"), [(attentive, 2), (gated, 1)])
@pytest.mark.parametrize("bits", [8, 4])
def test_the_array_goes_on(tmp_path, rng, make, maps, bits):
    """All convolutions but those of a gate are the array's, and a frame is computed alike."""
    net = make()
    path, network = quantised(tmp_path, net, bits)
    compiled = compile_file(path, TINY)
    assert compiled.parts is None
    (piece,) = compiled.network.pieces
    kinds = [type(operator) for operator in compiled.network.operators]
    assert kinds.count(HostMap) == maps
    assert kinds.count(Convolution) == len(layers(network))
    manifest = compiled_manifest(compiled, path, 1 / 255)
    codes = rng.integers(0, 256, net.shape[1:], dtype=np.uint8)
    checked = check_frame(
        compiled.network, path, compiled.image, manifest, codes,
        pieces={f"{piece.name}.onnx": piece.model},
    )  # fmt: skip
    assert len(checked.layers) == len(manifest.layers)
