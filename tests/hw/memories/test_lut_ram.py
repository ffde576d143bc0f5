"""Where the words of small memories lie."""

import pytest
from amaranth.hdl import Module, Signal
from amaranth.sim import Simulator

from hw.memories.lut_ram import WORDS, padded


@pytest.mark.parametrize("bits", [0, 1, 2, 3, 4, 5])
def test_each_word_has_a_place_of_its_own(bits):
    address = Signal(bits)
    place = Signal(5)
    m = Module()
    m.d.comb += place.eq(padded(address))
    places = []

    async def bench(simulation):
        for value in range(2**bits):
            simulation.set(address, value)
            await simulation.delay(1e-9)
            places.append(simulation.get(place))

    simulator = Simulator(m)
    simulator.add_testbench(bench)
    simulator.run()
    assert len(set(places)) == 2**bits
    assert max(places) < max(WORDS, 2**bits)
