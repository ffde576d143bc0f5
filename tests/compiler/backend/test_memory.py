"""The memory plan: nothing overlaps, everything is where loads expect it."""

from dataclasses import replace
from itertools import pairwise

import pytest

from arch.formats import PAGE_BYTES
from arch.machine import ECP5_25F, ECP5_85F, TINY
from compiler.backend.memory import plan_memory, program_image
from compiler.backend.storage import Storage, lay_out
from compiler.errors import CapacityError
from compiler.flow import compile_network
from tests.samples.networks import everything


@pytest.fixture(scope="module", params=[TINY, ECP5_25F, ECP5_85F], ids=lambda m: m.name)
def compiled(request):
    return compile_network(everything(0, 16, 24)[0], request.param)


def spans(compiled):
    """(address, bytes) of everything in memory."""
    plan = compiled.plan
    yield from ((address, len(content)) for address, content in plan.sections)
    yield from ((place.address, place.layout.size) for place in plan.places.values())
    yield plan.program_address, len(compiled.program.code)


def test_nothing_overlaps(compiled):
    found = sorted(spans(compiled))
    assert found[0][0] == PAGE_BYTES
    for (address, size), (following, _) in pairwise(found):
        assert address + size <= following
    assert sum(found[-1]) <= compiled.image.memory_bytes


def test_everything_begins_with_a_beat(compiled):
    assert all(address % 64 == 0 for address, _ in spans(compiled))
    assert compiled.plan.program_address % PAGE_BYTES == 0


def test_constants_are_where_their_addresses_say(compiled):
    memory = compiled.image.memory()

    def at(address, content):
        return memory[address : address + len(content)].tobytes() == content

    for placed in compiled.plan.jobs:
        encoded = placed.encoded
        assert at(placed.table_address, encoded.table)
        for addresses, blocks in (
            (placed.weight_addresses, encoded.weights),
            (placed.threshold_addresses, [block.content for block in encoded.thresholds]),
        ):
            assert all(map(at, addresses, blocks))
            assert len(addresses) == len(blocks)


def test_every_storage_has_one_place(compiled):
    assert compiled.plan.places.keys() == compiled.lowered.storages.keys()
    for name, place in compiled.plan.places.items():
        assert place.storage is compiled.lowered.storages[name]


def huge(height):
    return Storage(
        name="x", tensor="x", kind="codes", channels=64, height=height, width=1 << 14, bits=4
    )


def test_addresses_of_maps_have_29_bits():
    layouts = {"x": lay_out(huge(1 << 13), TINY)}
    with pytest.raises(CapacityError, match="tensor 'x': .*less than 536870912"):
        plan_memory([], layouts, TINY)


def test_the_program_must_fit_behind(compiled):
    plan = replace(compiled.plan, program_address=(1 << 32) - PAGE_BYTES)
    programs = [(plan.program_address, bytes(PAGE_BYTES))]
    with pytest.raises(CapacityError, match="network 'large': needs 4294967296 bytes"):
        program_image(plan, programs, "large", compiled.machine)
