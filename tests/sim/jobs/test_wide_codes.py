"""Wide codes in RTL: every code, every counter, over all widths of weights and codes."""

import pytest

from arch.machine import TINY
from compiler.flow import compile_network
from compiler.frontend.pipeline import read_network
from tests.random_networks.check import memory_of
from tests.random_networks.rtl import simulate
from tests.samples.wide_net import averaged_net, layer_widths, mixed_net, wide_moves

PAIRS = [(weights, codes) for weights in range(1, 9) for codes in range(1, 9)]
NETWORKS = 11
"""Their convolutions take six pairs of widths each, so all of them."""


@pytest.mark.cosim
@pytest.mark.parametrize("number", range(NETWORKS))
def test_every_code_and_every_cycle(tmp_path, number):
    widths = [PAIRS[(number + NETWORKS * k) % len(PAIRS)] for k in range(6)]
    net = mixed_net(100 + number, widths)
    network = read_network(net.save(tmp_path))
    assert sum(1 for _ in layer_widths(network)) >= 7
    picture = net.rng.integers(0, 256, network.shape(network.input)).astype("uint8")
    compiled = compile_network(network, TINY, memory_of(number))
    cycles, wrong = simulate(compiled, picture, number)  # memory stalls for odd ones
    print(f"{widths}: {cycles} cycles")
    assert not wrong


@pytest.mark.cosim
def test_averages_of_equal_scales(tmp_path):
    net = averaged_net(3, (0.023, 0.023))
    network = read_network(net.save(tmp_path))
    picture = net.rng.integers(0, 256, network.shape(network.input)).astype("uint8")
    _, wrong = simulate(compile_network(network, TINY), picture, 0)
    assert not wrong


@pytest.mark.cosim
def test_the_picture_moved():
    network, picture = wide_moves(5)
    _, wrong = simulate(compile_network(network, TINY), picture, 0)
    assert not wrong
