"""Tiles that several jobs share, in RTL: every code, every counter."""

import pytest

from arch.machine import TINY
from arch.memory import IDEAL, SDR16_133
from compiler.flow import compile_network
from tests.random_networks.rtl import simulate
from tests.samples.networks import branches


@pytest.mark.cosim
@pytest.mark.parametrize("memory", [IDEAL, SDR16_133], ids=lambda memory: memory.name)
def test_every_code_and_every_cycle(memory):
    network, picture = branches(1, 16, 32)
    compiled = compile_network(network, TINY, memory)
    assert any(placed.tiled.shared for placed in compiled.plan.jobs)
    cycles, wrong = simulate(compiled, picture, seed=0)  # an even seed: memory does not stall
    print(f"{memory.name}: {cycles} cycles")
    assert not wrong
