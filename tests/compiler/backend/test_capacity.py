"""A network that does not fit is refused before anything long is done for it."""

from dataclasses import replace

import pytest

from arch.machine import TINY
from compiler import flow
from compiler.backend import arrange
from compiler.backend.capacity import check_capacity
from compiler.backend.lower import lower
from compiler.backend.packing import pack
from compiler.errors import CapacityError, UnsupportedError
from tests.samples.networks import Builder


def network():
    b = Builder(0, 6, 6)
    b.conv("in", "first", 16, 3)
    b.conv("first", "second", 16, 3)
    b.conv("second", "head", 3, 3, raw=True)
    return b.network("head")


def packed(machine):
    lowered = lower(network(), machine)
    return [pack(job, lowered.storages, machine) for job in lowered.jobs]


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"weight_words": 8}, CapacityError,
         "'second': 10 weight words for 8 .* 'small' has 8; .* have 4 bits, and 3 would fit"),
        ({"table_entries": 2}, CapacityError, "'second': 3 pass-table entries; .* 'small' holds 2"),
        (
            {"accumulator_bits": 15},
            UnsupportedError,
            "'first': sums up to 183600 do not fit the 15",
        ),
    ],
)
def test_the_first_layer_is_named(changes, error, message):
    small = replace(TINY, name="small", **changes)
    with pytest.raises(error, match=f"layer {message}"):
        check_capacity(packed(small), small)


def test_all_layers_are_packed_and_none_is_cut_before_a_refusal(monkeypatch):
    monkeypatch.setattr(arrange, "Tilings", lambda *_: pytest.fail("cut a job that does not fit"))
    with pytest.raises(CapacityError, match="layer 'second'"):
        flow.compile_network(network(), replace(TINY, table_entries=2))


def test_what_fits():
    check_capacity(packed(TINY), TINY)
