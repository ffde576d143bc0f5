"""The check of heads that the host computes: what is wrong with them is noticed."""

import msgspec
import numpy as np
import pytest

from arch.machine import TINY
from compiler.candidates.hosted import head_weights
from compiler.check.frame import check_frame
from compiler.check.heads import check_heads
from compiler.errors import DifferenceError
from compiler.flow import HOST
from golden import execute
from golden.formats import pack_map
from host.candidates.heads import WEIGHT
from host.memory import layer_format, read_layer
from tests.samples.detectors import compiled, frame, memory_after, raw_maps, with_tail
from tests.samples.tails import distribution


@pytest.fixture(scope="module", params=["maps", "tail"])
def made(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("heads")
    path = raw_maps(folder) if request.param == "maps" else with_tail(folder, distribution)
    found, manifest = compiled(path, TINY, 0.9 if request.param == "maps" else 0.6, HOST)
    codes = frame(np.random.default_rng(1)).codes
    results = execute.run(found.network, codes)
    tail = found.parts and found.parts.model.SerializeToString()
    heads = head_weights(found.network, found.heads)
    memory = memory_after(found, manifest, codes)
    check_frame(found.network, path, found.image, manifest, codes, tail, heads=heads)
    return found.network, manifest, results, memory, heads, tail


def test_other_weights(made):
    network, manifest, results, memory, heads, tail = made
    changed = np.frombuffer(heads, WEIGHT).copy()
    changed += 1
    with pytest.raises(DifferenceError, match="of the host is not the network's: "):
        check_heads(network, manifest, results, memory, changed.tobytes(), tail)


def test_a_lost_place(made):
    network, manifest, results, memory, heads, tail = made
    memory = memory.copy()
    for each in manifest.candidates:
        layer = manifest.layer_of(each.tensor)
        pack_map(memory, layer_format(layer), np.zeros_like(read_layer(memory, layer)))
    with pytest.raises(DifferenceError, match="0 boxes of the sums that the host computes are"):
        check_heads(network, manifest, results, memory, heads, tail)


def test_a_level_that_all_reach(made):
    """What the host sets elsewhere must fail, as the program's own comparison did."""
    network, manifest, results, memory, heads, tail = made
    first, *others = manifest.candidates
    low = msgspec.structs.replace(first, level=(-(1 << 30),) * len(first.level))
    manifest = msgspec.structs.replace(manifest, candidates=(low, *others))
    with pytest.raises(DifferenceError, match="of the host has boxes where none can be"):
        check_heads(network, manifest, results, memory, heads, tail)
