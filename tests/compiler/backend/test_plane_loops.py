"""Layers whose table holds the passes of one pair of planes: every code, whatever their bits."""

import pytest

from arch.isa import Opcode
from arch.machine import ECP5_25F, TINY
from compiler.backend.packing import loop_passes
from compiler.flow import compile_network
from tests.samples.networks import Builder
from tests.samples.plane_loops import SHORT_TABLE, plane_loops
from tests.samples.programs import differing_codes

BITS = (1, 2, 3, 4)
ALL = (0, 1, 2, 3)


def looped(compiled) -> set[str]:
    """Names of the jobs that loop."""
    return {job.job.name for job in compiled.plan.jobs if job.tiled.packed.packing.loop}


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("weight_bits", BITS)
def test_every_code(bits, weight_bits, seed):
    network, picture = plane_loops(seed, bits, weight_bits)
    layers = {"even1", "even2", "odd1", "odd2"}
    found = looped(compile_network(network, SHORT_TABLE))
    assert found & layers == (layers if bits * weight_bits > 1 else set())
    result = differing_codes(network, picture, SHORT_TABLE, races=True)
    assert not any(result.values()), result


@pytest.mark.parametrize("shape", [(1, 2), (4, 1), (3, 4), (8, 8)])
@pytest.mark.parametrize("groups", [[ALL] * 5, [(0,), (1,), (2,), (0, 2), (1, 3), ALL, ALL] * 3])
def test_every_tap_has_a_place_in_every_weight_plane(shape, groups):
    bits, weight_bits = shape
    taps = tuple((bits, choices, tap) for tap, choices in enumerate(groups))
    packing = loop_passes(weight_bits, taps)
    size = -(-len(groups) // 4)
    assert len(packing.passes) == packing.loop.weight_stride == size
    assert packing.word_count == weight_bits * size
    assert packing.loop.pairs == bits * weight_bits
    assert len(packing.taken) == len(packing.words) == len(groups) * weight_bits
    seen = set()
    for number, step in enumerate(packing.passes):
        assert not step.double
        assert step.idle_word == (weight_bits - 1) * size + number
        for group, product in enumerate(step.products):
            if product is None:
                assert (group, step.idle_word) not in packing.taken
                continue
            assert group in groups[product.tap]
            highest = packing.words[product.tap, weight_bits - 1, group]
            assert highest == step.idle_word
            for plane in range(weight_bits):
                below = (weight_bits - 1 - plane) * size
                assert packing.words[product.tap, plane, group] == highest - below
            seen.add(product.tap)
    assert seen == set(range(len(groups)))


def test_one_pair_or_different_bits_are_not_looped():
    assert loop_passes(1, tuple((1, ALL, tap) for tap in range(9))) is None
    assert loop_passes(4, ((3, ALL, 0), (4, ALL, 1))) is None


def wide(channels: int, *, outputs: int = 8, pool: bool = False):
    b = Builder(0, 4, 6)
    b.conv("in", "first", channels, 1)
    b.conv("first", "wide", outputs, 3)
    source = b.pool("wide", "pooled", 2, 2) if pool else "wide"
    b.conv(source, "head", 3, 1, raw=True)
    return b.network("head"), b.picture()


def test_a_table_that_fits_half_of_the_machines_is_left_as_it_is():
    assert looped(compile_network(wide(96)[0], TINY)) == set()  # 9 * 6 * 16 / 4 = 216 passes
    compiled = compile_network(wide(128)[0], TINY)
    assert looped(compiled) == {"wide"}
    (table,) = (
        job.tiled.packed.table for job in compiled.plan.jobs if job.tiled.packed.packing.loop
    )
    assert (table.size, table.block_passes) == (18, 288)


def test_a_pool_is_left_for_later_where_two_rows_do_not_fit(seed):
    network, picture = wide(256, pool=True)
    compiled = compile_network(network, ECP5_25F)
    assert looped(compiled) == {"wide"}
    assert not compiled.lowered.fused
    assert not any(differing_codes(network, picture, ECP5_25F).values())


def test_ragged_inputs_have_one_plane_distance():
    """Storages of a Concat whose rows lie at different pitch would have different ones."""
    b = Builder(2, 4, 9)
    for name in ("a", "b"):
        b.conv("in", name, 40, 1, bits=4)
    b.conv("b", "aside", 2, 5, raw=True)
    joined = b.concat(["a", "b"], "joined")
    b.conv(joined, "head", 5, 3, raw=True)
    network = b.network("aside", "head")
    compiled = compile_network(network, SHORT_TABLE)
    (head,) = (job.tiled for job in compiled.plan.jobs if job.job.name == "head")
    assert len(head.regions) > 1
    assert len({region.plane_stride for region in head.regions}) == 1
    assert not any(differing_codes(network, b.picture(), SHORT_TABLE).values())


def test_weights_of_more_than_half_of_the_memory_are_loaded_in_parts():
    """180 of 256 words: beside those in use there is room for 76 of the next row block's."""
    network, picture = wide(320, outputs=24)
    found = compile_network(network, TINY)
    assert looped(found) == {"wide"}
    first, *others = (step.ordinal for step in found.schedule.computes if step.job == 1)
    loads = [step for step in found.schedule.loads if step.fields["opcode"] is Opcode.LOAD_WEIGHTS]
    for before, block in zip([first, *others], others, strict=False):
        words = {False: 0, True: 0}  # by whether they wait for the row block before
        for load in loads:
            if load.needed == block:
                words[load.after == before] += load.fields["beats"] // 8
        assert words == {False: 76, True: 104}
    assert not any(differing_codes(network, picture, TINY, races=True).values())
