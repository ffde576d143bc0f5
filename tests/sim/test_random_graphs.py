"""Property: random networks in RTL give every layer's golden codes, in the cycles predicted."""

import pytest

from tests.random_networks.check import FAILURES, check
from tests.random_networks.graphs import random_model
from tests.random_networks.rtl import simulate
from tests.random_networks.run import machine_of

SEEDS = range(1000, 1012)


@pytest.mark.cosim
@pytest.mark.parametrize("seed", SEEDS)
def test_rtl_equals_network(seed):
    outcome = check(random_model(seed), seed, machine_of("all", seed, rtl=True))
    assert outcome.kind not in FAILURES, (seed, outcome.reason)
    if outcome.compiled is None:
        pytest.skip(f"{outcome.kind}: {outcome.reason}")
    cycles, wrong = simulate(outcome.compiled, outcome.picture, seed)
    print(f"seed {seed}: {cycles} cycles")
    assert not wrong, (seed, wrong)
