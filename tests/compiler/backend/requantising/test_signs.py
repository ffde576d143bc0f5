"""1-bit layers as signs of sums: every code, and what they are made of."""

from dataclasses import replace

import numpy as np
import pytest

from arch.formats import GROUP_LANES
from arch.isa import Opcode, has_signs
from arch.machine import ECP5_25F
from arch.memory import IDEAL, SDR16_133
from compiler.backend.lower import lower
from compiler.backend.packing import pack
from compiler.backend.requantising.signs import LANES, as_signs
from compiler.flow import compile_network
from tests.samples.machines import SMALL16
from tests.samples.networks import Builder
from tests.samples.programs import differing_codes
from tests.samples.staying import binary

TWO_TURNS16 = replace(SMALL16, name="small16 of 64 bits", axi_data_bits=64)


def full(seed):
    """64 channels fill a pass, so that what rows want more than that is a pass of its own."""
    b = Builder(seed, 8, 8)
    b.conv("in", "stem", 64, 3, weight_bits=1, bits=1)
    b.conv("stem", "full", 32, 1, weight_bits=1, bits=1)
    b.conv("full", "head", 4, 1, weight_bits=1, raw=True)
    return b.network("head"), b.picture()


def signed(compiled) -> set[str]:
    """Names of the jobs whose codes are signs."""
    return {placed.job.name for placed in compiled.plan.jobs if placed.tiled.packed.signs}


@pytest.mark.parametrize(
    ("draw", "memory"),
    [(binary, IDEAL), (binary, SDR16_133), (full, IDEAL)],
    ids=lambda value: getattr(value, "name", None) or value.__name__,
)
@pytest.mark.parametrize("machine", [SMALL16, TWO_TURNS16], ids=lambda machine: machine.name)
def test_every_code(draw, machine, memory, seed):
    network, picture = draw(seed)
    compiled = compile_network(network, machine, memory)
    assert signed(compiled)
    computes = [f for f in compiled.program.instructions if f["opcode"] is Opcode.COMPUTE]
    assert any(has_signs(fields) for fields in computes)
    result = differing_codes(network, picture, machine, memory, races=True)
    assert not any(result.values()), result


def test_they_take_fewer_cycles(seed):
    network, _ = binary(seed)
    usual = compile_network(network, replace(SMALL16, signs=0))
    assert not signed(usual)
    assert compile_network(network, SMALL16).prediction.cycles < usual.prediction.cycles


def jobs(network, machine=SMALL16):
    """(packed job, the same as signs or None), by name."""
    lowered = lower(network, machine)
    found = {}
    for job in lowered.jobs:
        packed = pack(job, lowered.storages, machine)
        found[job.name] = packed, as_signs(packed, lowered.storages, machine)
    return found


def test_which_jobs_can_be_signs(seed):
    b = Builder(seed, 8, 8)
    b.conv("in", "stem", 16, 3, weight_bits=1, bits=1)
    b.conv("stem", "good", 16, 3, weight_bits=1, bits=1)
    b.conv("stem", "zeros", 16, 3, weight_bits=2, bits=1)
    b.conv("stem", "bits", 16, 3, weight_bits=1, bits=2)
    b.conv("good", "pooled before", 16, 1, weight_bits=1, bits=1)
    b.pool("pooled before", "pooled", 2, 2)
    b.upsample("pooled", "large")
    for name in ("zeros", "bits", "large"):
        b.conv(name, f"head {name}", 4, 1, weight_bits=1, raw=True)
    network = b.network("head zeros", "head bits", "head large")
    can = {name for name, (_, signs) in jobs(network).items() if signs is not None}
    assert can - {"stem"} == {"good"}
    assert not any(signs for _, signs in jobs(network, ECP5_25F).values())


@pytest.mark.parametrize("draw", [binary, full])
def test_biases_are_what_rows_have_too_much(draw, seed):
    """What a block counts with every product 0 is, for each row, minus its threshold."""
    for name, (packed, signs) in jobs(draw(seed)[0]).items():
        if signs is None:
            continue
        assert len(signs.packing.passes) - len(packed.packing.passes) <= 3, name
        rows = -(-packed.job.outputs // SMALL16.rows) * SMALL16.rows
        total, products = np.zeros(rows, np.int64), signs.packing.taken
        count = {(bias.word, bias.group): bias.count for bias in signs.biases}
        for step in signs.packing.passes:
            total <<= step.double
            total -= LANES * step.less
            for group, product in enumerate(step.products):
                if product is None:
                    place = step.word(group), group
                    assert place[::-1] not in products
                    total += count.get(place, 0)
        assert all(0 <= each.min() <= each.max() <= GROUP_LANES for each in count.values())
        # Rows without a channel: never below zero.
        assert (total[packed.job.outputs :] == 0).all()
        assert (total[: packed.job.outputs] <= 0).all()
