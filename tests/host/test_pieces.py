"""What the host does in mid-network: maps read, computed, and written as they are stored."""

import msgspec
import numpy as np
import pytest

from arch.machine import TINY
from compiler.describe import describe
from compiler.flow import compile_file
from golden import execute
from golden.machine import GoldenMachine
from host.manifest import ManifestError, manifest_of
from host.memory import memory_with_picture, read_layer
from host.pieces import crossing_bytes, network_codes, run_frame, run_piece, values_of
from host.tail import Tail, TailError
from tests.samples.host_pieces import attention


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    return compile_file(attention(4, 2).save(tmp_path_factory.mktemp("pieces")), TINY)


@pytest.fixture
def codes(compiled, rng):
    network = compiled.network
    return rng.integers(0, 256, network.shape(network.input), dtype=np.uint8)


def models(compiled) -> dict[str, bytes]:
    return {f"{piece.name}.onnx": piece.model for piece in compiled.network.pieces}


def test_a_frame_of_three_programs(compiled, codes):
    manifest, machine = describe(compiled), GoldenMachine(TINY)
    memory = memory_with_picture(compiled.image, manifest, codes)
    addresses, told = [], {}

    def run(address):
        addresses.append(address)
        machine.run(memory, address)

    run_frame(memory, manifest, models(compiled), run, lambda _, written: told.update(written))
    assert tuple(addresses) == manifest.program_addresses
    assert len(addresses) == 3
    results = execute.run(compiled.network, codes)
    for name, found in told.items():
        np.testing.assert_array_equal(found, results[name])
        np.testing.assert_array_equal(read_layer(memory, manifest.layer_of(name)), results[name])
    last = compiled.network.outputs[0].tensor
    np.testing.assert_array_equal(read_layer(memory, manifest.layer_of(last)), results[last])


def test_what_surrounds_a_map_stays(compiled, codes):
    """A map that is read with padding: the host writes between its halo."""
    manifest = describe(compiled)
    memory = memory_with_picture(compiled.image, manifest, codes)
    GoldenMachine(TINY).run(memory, manifest.program_address)
    before, (piece, _) = memory.copy(), manifest.pieces
    run_piece(memory, manifest, piece, Tail(models(compiled)[piece.file]))
    changed = np.flatnonzero(before != memory)
    _, written = crossing_bytes(manifest, piece)
    assert 0 < changed.size <= written
    again = memory.copy()
    run_piece(again, manifest, piece, Tail(models(compiled)[piece.file]))
    np.testing.assert_array_equal(memory, again)


def test_values_read_are_those_of_the_network(compiled, codes):
    manifest = describe(compiled)
    memory = memory_with_picture(compiled.image, manifest, codes)
    GoldenMachine(TINY).run(memory, manifest.program_address)
    results = execute.run(compiled.network, codes)
    piece = compiled.network.pieces[0]
    expected = execute.values_read(piece.reads, results)
    for read in manifest.pieces[0].reads:
        np.testing.assert_array_equal(values_of(memory, manifest, read), expected[read.name])


def test_what_is_no_level(compiled):
    written = describe(compiled).pieces[0].writes[0]
    layer = written.layer
    shape = (1, layer.channels, layer.height, layer.width)
    zero = np.full(shape, written.scale * written.offset)
    assert not network_codes(zero, written).any()
    for off in (0.5 * written.scale, -written.scale, np.nan, 1e9):
        values = zero.copy()
        values[0, 1, 2, 3] += off
        with pytest.raises(ValueError, match="none of its levels"):
            network_codes(values, written)
    with pytest.raises(ValueError, match="values of shape"):
        network_codes(zero[:, :, 1:], written)


def test_the_file_of_another_piece(compiled, codes):
    manifest = describe(compiled)
    memory = memory_with_picture(compiled.image, manifest, codes)
    first, second = manifest.pieces
    with pytest.raises(TailError, match=r"host0\.onnx: is not what the manifest says"):
        run_piece(memory, manifest, first, Tail(models(compiled)[second.file]))


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"file": "../host0.onnx"}, "has no such file"),
        ({"reads": []}, "reads or writes nothing"),
        ({"program_address": 1 << 30}, "program does not lie in memory"),
    ],
)
def test_a_manifest_that_contradicts_itself(compiled, change, text):
    record = msgspec.json.decode(msgspec.json.encode(describe(compiled)))
    record["pieces"][0] |= change
    with pytest.raises(ManifestError, match=text):
        manifest_of(record)


def test_a_manifest_that_reads_what_is_not_there(compiled):
    record = msgspec.json.decode(msgspec.json.encode(describe(compiled)))
    record["pieces"][0]["reads"][0]["parts"][0]["stop"] += 1
    with pytest.raises(ManifestError, match="is not stored like that"):
        manifest_of(record)
