"""The cost model against RTL: every counter, exactly, for every memory without stalls."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from arch.machine import TINY, Machine
from arch.memory import IDEAL, MEMORIES, SDR16_100, Memory
from compiler.cost.frame import predict
from compiler.describe import describe
from compiler.errors import DifferenceError
from compiler.flow import compile_network
from golden.network import Network
from host.memory import write_picture
from hw.verilog import generate
from sim.frame import LEAST_MEMORY, Conditions, frame_model, run_frame
from sim.run import check_forecast
from tests.samples.even_thresholds import even_thresholds
from tests.samples.machines import SMALL16
from tests.samples.networks import Builder, everything
from tests.samples.random_programs import RandomProgram

KEPT = [
    *MEMORIES.values(),
    replace(IDEAL, name="ideal, 1 and 1", read_latency=1, write_latency=1),
    replace(IDEAL, name="ideal, 150 and 14", read_latency=150, write_latency=14),
    replace(IDEAL, name="ideal, 7 and 40", read_latency=7, write_latency=40),
    replace(IDEAL, name="two slow ports", burst_cycles=3, rate_bytes=5, rate_cycles=2),
    replace(SDR16_100, name="slow", rate_bytes=1, rate_cycles=3, write_latency=31),
]
"""Those with a name, and some that no board has: seldom paths of the model."""


@pytest.fixture(scope="module")
def model():
    return frame_model(TINY, generate(TINY), LEAST_MEMORY).build()


def differing(
    model, content: np.ndarray, program_address: int, memory: Memory, machine: Machine = TINY
) -> dict[str, tuple[int, int]]:
    """Return the counters that are not as predicted: (predicted, counted)."""
    outcome = run_frame(model, machine, content, program_address, Conditions(memory=memory))
    assert outcome.done, outcome.error
    prediction = predict(content, program_address, machine, memory)
    print(f"{memory}: {outcome.counters}")
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


def stem_of_blocks(seed: int) -> tuple[Network, np.ndarray]:
    """A picture in blocks, and layers that take less time than its loads."""
    b = Builder(seed, 30, 44)
    b.conv("in", "stem", 20, 6, stride=2, pad=2, weight_bits=2, bits=2)
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


def whole(seed: int) -> tuple[Network, np.ndarray]:
    return everything(seed, 16, 24)


NETWORKS = [small_stem, stem_of_blocks, deep, even_thresholds, whole]
#: Of all pairs every third: each network meets three or four memories, each memory two networks.
PAIRS = [
    pytest.param(
        draw, memory, id=f"{draw.__name__}-{memory.name}",
        marks=() if (row + column) % 3 == 0 else pytest.mark.slow,
    )
    for row, draw in enumerate(NETWORKS)
    for column, memory in enumerate(KEPT)
]  # fmt: skip


def seeds(count: int, usual: int) -> list:
    """Seeds 0..count - 1; from ``usual`` on they are for long runs."""
    return [
        pytest.param(seed, marks=() if seed < usual else pytest.mark.slow) for seed in range(count)
    ]


@pytest.mark.cosim
@pytest.mark.parametrize(("draw", "memory"), PAIRS)
def test_networks(model, seed, draw, memory):
    network, picture = draw(seed)
    compiled = compile_network(network, TINY, memory)
    content = compiled.image.memory()
    write_picture(content, describe(compiled), picture)
    assert not differing(model, content, compiled.image.program_address, memory)


KINDS = [
    {},
    {"loops": True},
    {"made": True},
    {"wide": True},
    {"wide": True, "loops": True},
    {"signs": True},
]
#: Every kind meets half of the memories, every memory three kinds; the others are for long runs.
PROGRAMS = [
    pytest.param(
        kinds, seed, id=f"{' '.join(kinds)}-{seed}",
        marks=() if seed < len(KEPT) and (place + seed) % 2 == 0 else pytest.mark.slow,
    )
    for place, kinds in enumerate(KINDS)
    for seed in range(2 * len(KEPT))
]  # fmt: skip


@pytest.mark.cosim
@pytest.mark.parametrize(("kinds", "seed"), PROGRAMS)
def test_random_programs(model, seed, kinds):
    program = RandomProgram(TINY, seed, **kinds)
    assert not differing(model, program.memory, 0, KEPT[seed % len(KEPT)])


@pytest.fixture(scope="module")
def keeping():
    return frame_model(SMALL16, generate(SMALL16), LEAST_MEMORY).build()


@pytest.mark.cosim
@pytest.mark.parametrize("seed", seeds(3 * len(KEPT), len(KEPT)))
def test_random_programs_with_results_on_chip(keeping, seed):
    kinds = {"loops": seed % 3 == 1, "made": seed % 3 == 2, "signs": seed % 2 == 1}
    program = RandomProgram(SMALL16, seed, on_chip=True, **kinds)
    memory = KEPT[seed % len(KEPT)]
    assert not differing(keeping, program.memory, 0, memory, machine=SMALL16)


def test_a_wrong_prediction_is_an_error():
    prediction = predict(RandomProgram(TINY, 1).memory, 0, TINY)
    counters = dict(prediction.counters)
    check_forecast(SimpleNamespace(counters=counters), prediction)
    counters["cycles"] += 1
    text = f"cycles: predicted {prediction.cycles}, counted {prediction.cycles + 1}"
    with pytest.raises(DifferenceError, match=text):
        check_forecast(SimpleNamespace(counters=counters), prediction)
