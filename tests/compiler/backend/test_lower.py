"""Storages and jobs: names, stored forms, and what only convolutions can read."""

from dataclasses import replace

import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from compiler.backend import lower as lowering
from compiler.describe import describe
from compiler.errors import UnsupportedError
from compiler.flow import compile_network
from golden.network import MaxPool
from tests.samples.networks import Builder
from tests.samples.pools import pool_of_codes
from tests.samples.programs import differing_codes

NAMES = ["a@pad0", "a@pad0'", "a/copy", "a[0]", "a@pad1"]


def lowered(network, machine=TINY):
    return lowering.lower(network, machine)


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
def test_the_picture_cannot_be_moved_without_wide_codes(kind):
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
        lowered(b.network("head"), ECP5_25F)


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


def pooled(kind="conv"):
    """A convolution or a sum behind which nothing but a max-pool reads."""
    b = Builder(7, 9, 8)
    b.conv("in", "a", 16, 1)
    if kind == "conv":
        b.conv("a", "wide", 20, 3)
    else:
        b.sum(["a", "a"], "wide", (3, 1), 3)
    b.pool("wide", "pooled", 2, 2)
    b.conv("pooled", "head", 3, 1, raw=True)
    return b.network("head")


@pytest.mark.parametrize("kind", ["conv", "sum"])
def test_a_max_pool_is_done_while_results_leave(kind):
    found = lowered(pooled(kind))
    assert found.fused == {"wide": "pooled"}
    assert "wide" not in found.storages
    job = found.jobs[1]
    assert (job.output, job.operators) == ("pooled", ("wide", "pooled"))
    # Nine rows of which the last has no partner: eight are computed, four leave.
    assert (job.pooling, job.height, job.width) == (2, 8, 8)
    assert job.captures == ((0, 0), (1, 0))


def test_a_max_pool_of_its_own_where_two_rows_of_passes_do_not_fit():
    small = replace(TINY, table_entries=64)
    found = lowering.lower(pooled(), small)
    assert found.fused == {}
    assert [job.output for job in found.jobs[1:4]] == ["wide", "pooled", "pooled"]
    assert found.jobs[1].pooling == 1


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda machine: machine.name)
@pytest.mark.parametrize(
    ("kernel", "stride", "pad"), [(5, 1, 2), (3, 2, 1), (3, 1, 0), (2, 2, 0), (13, 1, 6)]
)
def test_the_maximum_of_bits_is_whether_their_sum_is_not_0(machine, kernel, stride, pad):
    network, picture = pool_of_codes(1, kernel, stride, pad)
    found = lowered(network, machine)
    assert found.storages["pooled"].bits == 2  # 0 and 2 around 1
    jobs = [job for job in found.jobs if job.output == "pooled"]
    assert len(jobs) == 3
    for job in jobs:
        assert job.captures == ((0, 0),)
        assert len(job.span.taps) == kernel**2
    result = differing_codes(network, picture, machine)
    assert not any(result.values()), result


def test_codes_of_two_bits_are_compared_place_by_place():
    network, picture = pool_of_codes(2, 3, 1, 1)
    assert [len(job.captures) for job in lowered(network).jobs if job.output == "pooled"] == [9] * 3
    result = differing_codes(network, picture, TINY)
    assert not any(result.values()), result


def test_halos_are_what_readers_look_at():
    b = Builder(8, 10, 10)
    b.conv("in", "a", 4, 1)
    b.conv("a", "near", 4, 3, raw=True)
    b.conv("a", "far", 4, 5, stride=2, raw=True)
    a = lowered(b.network("near", "far")).storages["a"]
    # The 5x5 window sees rows -2..2 to 6..10, the 3x3 window rows -1..1 to 8..10.
    assert (a.top, a.bottom, a.left) == (2, 1, 2)


def test_storages_and_jobs_cannot_be_changed():
    found = lowered(pooled())
    for value in (found, found.jobs[0], found.storages["a"]):
        with pytest.raises(AttributeError):
            value.name = "other"
