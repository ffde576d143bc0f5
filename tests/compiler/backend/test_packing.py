from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from arch.machine import ECP5_25F, TINY
from compiler.backend.capacity import check_sums
from compiler.backend.job import ChannelSpan, Job, Tap
from compiler.backend.packing import Grid, choose_grid, pack, place_images, share_passes
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError

FULL = np.ones(16, bool)


def storage(bits):
    x = Storage(name="x", tensor="x", kind="codes", channels=16, height=8, width=8, bits=bits)
    return {"x": x}


def job(*taps):
    """A job on one image of the storage x."""
    span = ChannelSpan(0, len(taps[0].weights), (("x", 0),), taps, np.zeros(1, np.int64), 0)
    return Job(name="job", span=span, height=1, width=1, output="y", thresholds=None)


def four_bits(count):
    """So many taps of weights -8..7."""
    rng = np.random.default_rng(count)
    return [Tap(0, 0, k, rng.integers(-8, 8, (8, 16)), FULL) for k in range(count)]


@pytest.mark.parametrize(
    ("taps", "bits", "passes"),
    [
        (9, 4, 38),  # 16 channels, 3x3: a word of 64 lanes per tap group would take 3 * 16 = 48
        (3, 8, 26),  # 8-bit picture, three rows: 32 that way
        (1, 4, 6),  # 1x1: 16 that way
    ],
)
def test_products_of_equal_weight_share_passes(taps, bits, passes):
    assert pack(job(*four_bits(taps)), storage(bits), TINY).table.size == passes


@pytest.mark.parametrize("groups", [(0, 1, 2, 3), (1, 3)])
@pytest.mark.parametrize("taps", [1, 3, 5, 9])
@pytest.mark.parametrize("bits", [1, 2, 3, 4, 8])
def test_every_product_with_its_weight(bits, taps, groups):
    packing = share_passes(4, tuple((bits, groups, tap) for tap in range(taps)))
    seen = Counter()
    weight = 1
    for step in reversed(packing.passes):
        for group, product in enumerate(step.products):
            if product is not None:
                assert group in groups
                assert (product.tap, product.weight_plane, group) in packing.words
                seen[product.tap, product.activation_plane, product.weight_plane] += weight
        weight *= 2 if step.double else 1
    expected = {(i, a, w): 1 << (a + w) for i in range(taps) for a in range(bits) for w in range(4)}
    assert seen == expected
    assert weight in (1 << (bits + 2), 1 << (bits + 1))  # the highest level may be none


def test_what_is_left_over_of_a_level_goes_into_the_one_below_twice():
    # A tap of 4 x 4 bits: 1, 2, 3, 4, 3, 2, 1 products; the first one fills the second level up.
    packing = share_passes(4, ((4, (0, 1, 2, 3), 0),))
    counts = [Counter(step.products) for step in packing.passes]
    assert [sum(count.values()) - count[None] for count in counts] == [4, 3, 4, 3, 2, 1]
    assert max(counts[0].values()) == 2
    assert packing.word_count == 1 + 2  # in another lane group, too




def test_taps_of_the_same_weights_share_words():
    tap = four_bits(1)[0]
    taps = [replace(tap, x=x) for x in range(9)]
    packing, apart = (pack(job(*each), storage(2), TINY).packing for each in (taps, four_bits(9)))
    assert packing.passes == apart.passes
    # A word of zeros; each lane group has the four planes.
    assert packing.word_count == 1 + 4
    assert len(packing.taken) == 4 * 4
    assert packing.words.keys() == apart.words.keys()


def test_grid():
    def grid(*values):
        return choose_grid((Tap(0, 0, 0, np.array([values + (1,) * (16 - len(values))]), FULL),))

    assert grid(-1, 1) == Grid(True, 1)
    assert grid(-3, 3) == Grid(True, 2)
    assert grid(-15, 15) == Grid(True, 4)
    assert grid(0, 1) == Grid(False, 2)
    assert grid(-8, 7) == Grid(False, 4)
    assert grid(0, 15) == Grid(False, 5)
    with pytest.raises(UnsupportedError, match=r"-200\.\.1 need 9 bits; supported: up to 8"):
        grid(-200, 0)


def test_lanes_that_do_not_exist_do_not_spoil_the_odd_grid():
    used = np.arange(16) < 3
    weights = np.where(used, -1, 0)[None, :]
    tap = Tap(0, 0, 0, weights, used)
    grid = pack(job(tap), storage(1), TINY).grid
    assert grid == Grid(True, 1)
    assert not grid.codes(tap)[:, 3:].any()


def test_few_images_are_copied_into_free_groups():
    def groups(count):
        regions = place_images(tuple(("x", k) for k in range(count)))
        return [list(region.groups.values()) for region in regions]

    assert groups(1) == [[(0, 1, 2, 3)]]
    assert groups(2) == [[(0, 2), (1, 3)]]
    assert groups(3) == [[(0,), (1,), (2,)]]
    assert groups(5) == [[(0,), (1,), (2,), (3,)], [(0, 1, 2, 3)]]


def test_weights_too_wide_for_any_grid():
    tap = Tap(0, 0, 0, np.full((1, 16), 200), FULL)
    with pytest.raises(UnsupportedError, match="layer 'sum': .* 0..200 need 9 bits; .*up to 8"):
        choose_grid((tap,), "sum")


def test_layers_of_one_shape_are_packed_once():
    first, second = (pack(job(*four_bits(5)), storage(4), TINY) for _ in range(2))
    assert first.packing is second.packing
    assert first.packing is not pack(job(*four_bits(4)), storage(4), TINY).packing


def test_an_idle_group_reads_word_0_which_nothing_else_has():
    idle, full = (
        share_passes(1, tuple((1, (0, 1, 2, 3), tap) for tap in range(count))) for count in (5, 8)
    )
    assert min(idle.words.values()) == 1
    assert min(full.words.values()) == 0
    assert (idle.word_count, full.word_count) == (3, 2)


def test_largest_sum():
    assert pack(job(*four_bits(3)), storage(2), TINY).largest_sum == 3 * 16 * 15 * 3


FITTING = [(149_796, 3), (149_797, 2), (349_525, 2), (524_288, 1)]


@pytest.mark.parametrize(("each", "fitting"), FITTING)
def test_weights_that_would_fit_are_named(each, fitting):
    """The most bits B with which ``each`` of an activation, times 2^B - 1, stays below 2^20."""
    packed = replace(pack(job(*four_bits(3)), storage(2), ECP5_25F), largest_sum=15 * each)
    assert packed.grid.bits == 4
    with pytest.raises(UnsupportedError, match=f"have 4 bits, and {fitting} would fit: `--first"):
        check_sums(packed, ECP5_25F)


def test_nothing_is_named_where_one_bit_is_too_many():
    packed = replace(pack(job(*four_bits(3)), storage(2), ECP5_25F), largest_sum=15 << 20)
    with pytest.raises(UnsupportedError, match="a machine with wider accumulators$"):
        check_sums(packed, ECP5_25F)
