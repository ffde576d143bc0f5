"""Storages and jobs: names, stored forms, and what only convolutions can read."""

from dataclasses import replace

import pytest

from arch.machine import ECP5_85F, TINY
from compiler.backend import lower as lowering
from compiler.describe import describe
from compiler.errors import UnsupportedError
from compiler.flow import compile_network
from golden.network import MaxPool
from tests.samples.networks import Builder
from tests.samples.programs import differing_codes

NAMES = ["a@pad0", "a@pad0'", "a/copy", "a[0]", "a@pad1"]


def lowered(network):
    return lowering.lower(network, TINY)


def two_paddings(other: str) -> Builder:
    """A ±1 tensor ``a`` stored in two paddings beside a tensor called ``other``."""
    b = Builder(1, 6, 7)
    b.conv("in", "a", 20, 3, bits=1, bipolar=True)
    b.conv("in", other, 5, 3, bits=3)
    b.conv("a", "zeros", 4, 3, raw=True)
    b.conv("a", "ones", 4, 3, pad_value=-1, raw=True)
    b.conv(other, "aside", 4, 3, raw=True)
    return b


@pytest.mark.parametrize("other", NAMES)
def test_a_tensor_may_be_called_like_a_copy(other):
    b = two_paddings(other)
    network = b.network("zeros", "ones", "aside")
    storages = lowered(network).storages
    assert all(name == storage.name for name, storage in storages.items())
    assert [s.tensor for s in storages.values()].count("a") == 2
    assert storages[other].tensor == other
    result = differing_codes(network, b.picture(), TINY)
    assert len(result) == 6
    assert not any(result.values()), result


def test_manifest_names_the_tensor_of_a_copy():
    manifest = describe(compile_network(two_paddings("a@pad1").network("zeros"), TINY))
    tensors = [layer.tensor for layer in manifest.layers]
    assert sorted(tensors) == ["a", "a", "a@pad1", "aside", "ones", "zeros"]


@pytest.mark.parametrize("kind", ["pool", "enlarge", "padded"])
def test_channels_of_a_concat_stored_in_different_encodings(kind):
    """One part of the Concat is stored as 0, 1, 2 because another convolution pads it with 0."""
    b = Builder(2, 6, 7)
    for name, channels in (("a", 5), ("b", 20)):
        b.conv("in", name, channels, 3, bits=1, bipolar=True)
    b.conv("a", "aside", 3, 3, raw=True)
    joined = b.concat(["a", "b"], "joined")
    if kind == "enlarge":
        moved = b.upsample(joined, "moved")
    else:
        pads = (1, 0, 0, 1) if kind == "padded" else (0, 0, 0, 0)
        moved = b.pool(joined, "moved", 2, 1, pads)
    b.conv(moved, "head", 3, 1, raw=True)
    result = differing_codes(b.network("aside", "head"), b.picture(), TINY)
    assert not any(result.values()), result


def test_a_quantiser_may_read_the_picture():
    b = Builder(3, 5, 9, channels=2)
    b.sum(["in"], "coarse", (1,), 4)
    b.sum(["in", "in"], "difference", (3, -2), 2)
    b.conv("coarse", "head", 3, 3, raw=True)
    b.conv("difference", "head2", 3, 3, raw=True)
    for machine in (TINY, ECP5_85F):
        result = differing_codes(b.network("head", "head2"), b.picture(), machine)
        assert not any(result.values()), result


@pytest.mark.parametrize("kind", ["MaxPool", "Upsample", "of a part"])
def test_the_picture_cannot_be_moved(kind):
    b = Builder(4, 6, 6)
    source = b.slice("in", "part", 1, 2) if kind == "of a part" else "in"
    if kind == "Upsample":
        b.upsample(source, "moved")
    else:
        b.pool(source, "moved", 2, 2)
    b.tensors = {
        name: tensor if name != "part" else tensor.__class__(**vars(tensor) | {"bits": 8})
        for name, tensor in b.tensors.items()
    }
    b.conv("moved", "head", 3, 1, raw=True)
    with pytest.raises(UnsupportedError, match="'moved' has 8-bit codes.*up to 4 bits.*move it"):
        lowered(b.network("head"))


def test_paddings_of_the_picture_must_agree():
    b = Builder(5, 6, 6)
    b.conv("in", "one", 3, 3, raw=True)
    b.conv("in", "two", 3, 3, pad_value=7, raw=True)
    with pytest.raises(UnsupportedError, match="one padding of the picture"):
        lowered(b.network("one", "two"))


@pytest.mark.parametrize("strides", [(1, 3), (3, 1), (4, 4)])
def test_strides_of_a_convolution(strides):
    b = Builder(6, 9, 9)
    b.conv("in", "a", 3, 3)
    b.operators[-1] = replace(b.operators[-1], strides=strides)
    with pytest.raises(UnsupportedError, match=r"Convolution 'a': strides .*supported: 1 and 2"):
        lowered(b.network())


def test_strides_of_a_pool():
    b = Builder(6, 8, 8)
    b.conv("in", "a", 3, 1)
    b.pool("a", "pooled", 3, 2)
    b.operators[-1] = MaxPool(
        name="pooled", input="a", output="pooled", kernel=(3, 3), strides=(3, 3)
    )
    with pytest.raises(UnsupportedError, match=r"MaxPool 'pooled': strides \(3, 3\)"):
        lowered(b.network())
