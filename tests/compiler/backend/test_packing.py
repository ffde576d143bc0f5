import numpy as np
import pytest

from compiler.backend.job import Item
from compiler.backend.packing import choose_grid, pack, place_images
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError

FULL = np.ones(16, bool)


def storage(bits):
    x = Storage(name="x", tensor="x", kind="codes", channels=16, height=8, width=8, bits=bits)
    return {"x": x}


def items(count, low=-8, high=7, image=0):
    rng = np.random.default_rng(count)
    return [Item(image, 0, k, rng.integers(low, high + 1, (8, 16)), FULL) for k in range(count)]


@pytest.mark.parametrize(
    ("taps", "bits", "passes"),
    [
        (9, 4, 39),  # 16 channels, 3x3: a word of 64 lanes per tap group would take 3 * 16 = 48
        (3, 8, 27),  # 8-bit picture, three rows: 32 that way
        (1, 4, 7),  # 1x1: 16 that way
    ],
)
def test_products_of_equal_weight_share_passes(taps, bits, passes):
    assert len(pack(items(taps), [("x", 0)], storage(bits)).passes) == passes


@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_every_product_once_with_its_weight(bits):
    packed = pack(items(5), [("x", 0)], storage(bits))
    seen = {}
    weight = 1
    for step in reversed(packed.passes):
        for group, product in enumerate(step.products):
            if product is not None:
                key = product.item, product.activation_plane, product.weight_plane
                assert key not in seen
                assert packed.words[product.item, product.weight_plane][0] == group
                seen[key] = weight
        weight *= 2 if step.double else 1
    expected = {(i, a, w): 1 << (a + w) for i in range(5) for a in range(bits) for w in range(4)}
    assert seen == expected


def test_grid():
    def grid(*values):
        return choose_grid([Item(0, 0, 0, np.array([values + (1,) * (16 - len(values))]), FULL)])

    assert grid(-1, 1) == (True, 1)
    assert grid(-3, 3) == (True, 2)
    assert grid(-15, 15) == (True, 4)
    assert grid(0, 1) == (False, 2)
    assert grid(-8, 7) == (False, 4)
    assert grid(0, 15) == (False, 5)
    with pytest.raises(UnsupportedError, match=r"-200\.\.1 need 9 bits; supported: up to 8"):
        grid(-200, 0)


def test_lanes_that_do_not_exist_do_not_spoil_the_odd_grid():
    used = np.arange(16) < 3
    weights = np.where(used, -1, 0)[None, :]
    packed = pack([Item(0, 0, 0, weights, used)], [("x", 0)], storage(1))
    assert packed.odd
    assert packed.weight_bits == 1
    assert not packed.weight_codes(Item(0, 0, 0, weights, used))[:, 3:].any()


def test_few_images_are_copied_into_free_groups():
    def groups(count):
        regions = place_images([("x", k) for k in range(count)])
        return [list(region.groups.values()) for region in regions]

    assert groups(1) == [[(0, 1, 2, 3)]]
    assert groups(2) == [[(0, 2), (1, 3)]]
    assert groups(3) == [[(0,), (1,), (2,)]]
    assert groups(5) == [[(0,), (1,), (2,), (3,)], [(0, 1, 2, 3)]]


def test_weights_too_wide_for_any_grid():
    item = Item(0, 0, 0, np.full((1, 16), 200), FULL)
    with pytest.raises(UnsupportedError, match="layer 'sum': .* 0..200 need 9 bits; .*up to 8"):
        choose_grid([item], "sum")
