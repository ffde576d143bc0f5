"""Layers that run their passes for every pair of planes, in RTL: every code, every counter."""

from itertools import product

import pytest

from compiler.flow import compile_network
from tests.long_runs import slow
from tests.random_networks.rtl import simulate
from tests.samples.plane_loops import SHORT_TABLE, plane_loops

USUAL = [(1, 1), (1, 4), (2, 3), (3, 2), (4, 1), (4, 4)]
OTHERS = [pair for pair in product((1, 2, 3, 4), repeat=2) if pair not in USUAL]
"""Bits of weights and of codes."""


@pytest.mark.cosim
@pytest.mark.parametrize(("weight_bits", "bits"), [*USUAL, *slow(*OTHERS)])
def test_every_code_and_every_cycle(bits, weight_bits):
    network, picture = plane_loops(4 * bits + weight_bits, bits, weight_bits)
    compiled = compile_network(network, SHORT_TABLE)
    assert any(job.tiled.packed.packing.loop for job in compiled.plan.jobs)
    cycles, wrong = simulate(compiled, picture, seed=0)  # an even seed: memory does not stall
    print(f"{bits} x {weight_bits}: {cycles} cycles")
    assert not wrong
