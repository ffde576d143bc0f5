"""Max-pools in RTL: every code, every counter."""

import pytest

from arch.machine import TINY
from compiler.flow import compile_network
from tests.random_networks.rtl import simulate
from tests.samples.pools import pool_of_codes


@pytest.mark.cosim
@pytest.mark.parametrize(("bits", "kernel", "stride"), [(1, 5, 1), (1, 2, 2), (4, 3, 1)])
def test_every_code_and_every_cycle(bits, kernel, stride):
    network, picture = pool_of_codes(bits, kernel, stride, kernel // 2)
    compiled = compile_network(network, TINY)
    cycles, wrong = simulate(compiled, picture, seed=0)  # an even seed: memory does not stall
    print(f"{bits} bits, {kernel} x {kernel}: {cycles} cycles")
    assert not wrong
