"""Wide codes on the instruction-level machine: every code, at either extreme of timing."""

from dataclasses import replace

import pytest

from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY
from compiler.backend.job import WideCodes
from compiler.errors import UnsupportedError
from compiler.flow import compile_network
from compiler.frontend.pipeline import read_network
from golden.network import Lookup
from tests.compiler.test_random_widths import WIDTHS, random_net
from tests.samples.programs import differing_codes
from tests.samples.qdq_net import QdqNet
from tests.samples.wide_net import layer_widths, mixed_net, wide_moves

EIGHT_CYCLES = replace(ECP5_45F, name="eight_cycles", accumulator_bits=27, wide_rows=2)
MACHINES = [TINY, ECP5_85F, EIGHT_CYCLES]


def read(net, tmp_path):
    network = read_network(net.save(tmp_path))
    picture = net.rng.integers(0, 256, network.shape(network.input)).astype("uint8")
    return network, picture


@pytest.mark.parametrize("codes", WIDTHS)
@pytest.mark.parametrize("weights", WIDTHS)
def test_all_widths(tmp_path, weights, codes):
    """Seven layers with these widths, and a head of 8 x 8 bits where codes have 8."""
    network, picture = read(random_net(weights, codes, 100 * weights + codes), tmp_path)
    result = differing_codes(network, picture, MACHINES[(weights + codes) % 2], races=True)
    assert len(result) >= 7
    assert not any(result.values()), result


@pytest.mark.parametrize("seed", range(24))
def test_mixed_widths(tmp_path, seed):
    """Every layer has widths of its own."""
    network, picture = read(mixed_net(seed), tmp_path)
    assert len(set(layer_widths(network))) > 2
    result = differing_codes(network, picture, MACHINES[seed % 3], races=True)
    assert not any(result.values()), result


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.name)
def test_the_picture_may_be_moved(machine):
    network, picture = wide_moves(4)
    result = differing_codes(network, picture, machine, races=True)
    assert result.keys() >= {"pooled", "enlarged", "small"}
    assert not any(result.values()), result


def test_small_machines_refuse_wide_codes(tmp_path):
    network, _ = read(random_net(4, 8, 1), tmp_path)
    with pytest.raises(UnsupportedError, match="8-bit codes.*'ecp5_25f'.*tiny, ecp5_85f"):
        compile_network(network, ECP5_25F)


def test_sums_must_fit(tmp_path):
    network, _ = read(random_net(8, 8, 1), tmp_path)
    with pytest.raises(UnsupportedError, match="do not fit the 20-bit accumulators.*fewer"):
        compile_network(network, replace(TINY, name="narrow", accumulator_bits=20))


def test_a_table_for_each_channel_is_refused(tmp_path):
    network, _ = read(random_net(8, 8, 3), tmp_path)
    operators = list(network.operators)
    place = next(i for i, each in enumerate(operators) if getattr(each, "table", None) is not None)
    each = operators[place]
    table = each.table.repeat(network.tensors[each.output].channels, axis=0)
    table[1] = table[1, ::-1]
    operators[place] = replace(each, table=table)
    with pytest.raises(UnsupportedError, match="channel 1 is not that of channel 0.*PRelu"):
        compile_network(replace(network, operators=tuple(operators)), TINY)


def test_a_function_of_real_numbers_that_is_not_straight(tmp_path):
    """Softplus of sums, in 256 codes: no product gives them, and a message names the layer."""
    net = QdqNet()
    y = net.node("Softplus", net.weighted(net.picture(), 4, 3, 4, biased=False))
    net.result(net.coded(y, 4 / 256, 0), 4)
    network, _ = read(net, tmp_path)
    with pytest.raises(UnsupportedError, match="channel 0: no product of 24 by 24 bits.*QDQ"):
        compile_network(network, TINY)


def test_few_codes_behind_few_are_looked_up(tmp_path):
    """Codes of 3 bits, and a rising table behind them with wide ones: levels that coincide."""
    net = QdqNet(seed=3)
    y = net.coded(net.weighted(net.picture(), 4, 3), 0.4, 2, 3)
    y = net.coded(net.node("LeakyRelu", y, alpha=0.1), 0.05, 40, 6)
    net.result(y, 4)
    network, picture = read(net, tmp_path)
    assert not any(isinstance(operator, Lookup) for operator in network.operators)
    wide = [placed.job.wide for placed in compile_network(network, TINY).plan.jobs]
    tables = [each.table for each in wide if isinstance(each, WideCodes)]
    assert len(tables) == 1
    assert 1 < len(tables[0]) <= 8
    assert not any(differing_codes(network, picture, TINY, races=True).values())
