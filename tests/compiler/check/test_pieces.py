"""Pieces of the host against the file, and the file without them against the network."""

from dataclasses import replace

import numpy as np
import pytest

from arch.machine import TINY
from compiler.build_folder import compiled_manifest
from compiler.check.frame import check_frame
from compiler.check.layers import image_of
from compiler.check.onnx import against_onnx
from compiler.check.pieces import check_pieces
from compiler.errors import DifferenceError
from compiler.flow import compile_file
from compiler.frontend.pipeline import read_network
from golden.network import HostMap
from tests.samples.host_pieces import attention


@pytest.fixture
def picture(rng):
    return rng.integers(0, 256, (3, 16, 16), dtype=np.uint8)


@pytest.mark.parametrize(("bits", "blocks"), [(4, 1), (3, 2), (8, 2)])
def test_a_frame_computed_alike(tmp_path, picture, bits, blocks):
    path = attention(bits, blocks).save(tmp_path)
    compiled = compile_file(path, TINY)
    pieces = {f"{piece.name}.onnx": piece.model for piece in compiled.network.pieces}
    manifest = compiled_manifest(compiled, path, 1 / 255)
    checked = check_frame(
        compiled.network, path, compiled.image, manifest, picture, pieces=pieces
    )
    assert not checked.pieces_reason
    counts = checked.references["float64"]
    assert {each.output for each in compiled.network.operators if isinstance(each, HostMap)} < (
        counts.keys()
    )
    assert len(checked.layers) == len(manifest.layers)


def test_a_piece_of_another_file(tmp_path, picture):
    """Softmax over the wrong axis."""
    net = attention(4)
    network = read_network(net.save(tmp_path))
    model = net.model()
    image = image_of(model, picture, 1 / 255)
    assert check_pieces(network, model, image) == ""
    for node in model.graph.node:
        if node.op_type == "Softmax":
            node.attribute[0].i = 1
    with pytest.raises(DifferenceError, match="piece host0 is not that part of the file"):
        check_pieces(network, model, image)


def test_wrong_codes_of_the_host_are_noticed(tmp_path, picture):
    """Its quantiser is judged by exact numbers, like every other one."""
    net = attention(4)
    network = read_network(net.save(tmp_path))
    piece = network.pieces[0]
    made = next(each for each in network.operators if isinstance(each, HostMap))
    scale = network.tensors[made.output].scale

    def shifted(values):
        found = piece.compute(values)
        found[made.made] = found[made.made] + scale
        return found

    other = replace(piece, compute=shifted)
    operators = tuple(
        replace(each, piece=other) if isinstance(each, HostMap) else each
        for each in network.operators
    )
    with pytest.raises(DifferenceError, match=f"tensor '{made.made}', channel 0, row 0"):
        against_onnx(replace(network, operators=operators), net.model(), picture, 1 / 255)
