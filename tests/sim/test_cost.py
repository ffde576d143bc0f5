"""The cost model against RTL: every counter, exactly, for memory of any latency without stalls."""

from types import SimpleNamespace

import numpy as np
import pytest

from arch.machine import TINY
from compiler.cost.frame import predict
from compiler.describe import describe
from compiler.errors import DifferenceError
from compiler.flow import compile_network
from golden.network import Network
from host.memory import write_picture
from hw.verilog import generate
from sim.frame import LEAST_MEMORY, Conditions, frame_model, run_frame
from sim.run import check_forecast
from tests.samples.networks import Builder, everything
from tests.samples.random_programs import RandomProgram

LATENCIES = [(20, 4), (1, 1), (150, 14), (7, 40)]


@pytest.fixture(scope="module")
def model():
    return frame_model(TINY, generate(TINY), LEAST_MEMORY).build()


def differing(
    model, memory: np.ndarray, program_address: int, latencies: tuple[int, int]
) -> dict[str, tuple[int, int]]:
    """Return the counters that are not as predicted: (predicted, counted)."""
    read, write = latencies
    conditions = Conditions(read_latency=read, write_latency=write)
    outcome = run_frame(model, TINY, memory, program_address, conditions)
    assert outcome.done, outcome.error
    prediction = predict(memory, program_address, TINY, read_latency=read, write_latency=write)
    print(f"latencies {latencies}: {outcome.counters}")
    return {
        name: (count, outcome.counters[name])
        for name, count in prediction.counters.items()
        if count != outcome.counters[name]
    }


def small_stem(seed: int) -> tuple[Network, np.ndarray]:
    """Loads take longer than computes: binary layers behind a picture."""
    b = Builder(seed, 30, 44)
    b.conv("in", "stem", 16, 3, stride=2, weight_bits=1, bits=1)
    b.conv("stem", "binary", 8, 1, weight_bits=1, bits=1)
    b.conv("binary", "head", 5, 1, raw=True)
    return b.network("head"), b.picture()


def deep(seed: int) -> tuple[Network, np.ndarray]:
    """Computes take longer than loads: 4-bit weights and 64 channels."""
    b = Builder(seed, 12, 16)
    b.conv("in", "stem", 64, 3)
    b.pool("stem", "pooled", 2, 2)
    b.conv("pooled", "wide", 40, 3)
    b.conv("wide", "head", 12, 1, raw=True)
    return b.network("head"), b.picture()


@pytest.mark.cosim
@pytest.mark.parametrize("latencies", LATENCIES, ids=str)
@pytest.mark.parametrize("draw", [small_stem, deep, lambda seed: everything(seed, 16, 24)])
def test_networks(model, seed, draw, latencies):
    network, picture = draw(seed)
    compiled = compile_network(network, TINY)
    memory = compiled.image.memory()
    write_picture(memory, describe(compiled), picture)
    assert not differing(model, memory, compiled.image.program_address, latencies)


@pytest.mark.cosim
@pytest.mark.parametrize("loops", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_random_programs(model, seed, loops):
    program = RandomProgram(TINY, seed, loops=loops)
    assert not differing(model, program.memory, 0, LATENCIES[seed % 4])


def test_a_wrong_prediction_is_an_error():
    prediction = predict(RandomProgram(TINY, 1).memory, 0, TINY)
    counters = dict(prediction.counters)
    check_forecast(SimpleNamespace(counters=counters), prediction)
    counters["cycles"] += 1
    text = f"cycles: predicted {prediction.cycles}, counted {prediction.cycles + 1}"
    with pytest.raises(DifferenceError, match=text):
        check_forecast(SimpleNamespace(counters=counters), prediction)
