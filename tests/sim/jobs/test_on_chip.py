"""Whole frames with maps that stay on chip: RTL computes the network, in the cycles predicted."""

from itertools import product

import pytest

from arch.isa import Opcode, has_signs
from arch.memory import IDEAL, MEMORIES, SDR16_133
from compiler.cost.frame import predict
from compiler.describe import describe
from compiler.flow import compile_network
from golden import execute
from host.memory import memory_with_picture, read_layer
from hw.verilog import generate
from sim.frame import LEAST_MEMORY, Conditions, frame_model, run_frame
from tests.long_runs import slow
from tests.samples.machines import SMALL16
from tests.samples.staying import binary, staying

SIZES, STALLS = [(24, 32), (22, 36)], [0, 96]
USUAL = [*((SIZES[0], memory, 0) for memory in MEMORIES.values()), (SIZES[1], SDR16_133, 96)]
OTHERS = [case for case in product(SIZES, MEMORIES.values(), STALLS) if case not in USUAL]
"""Every memory with every size, and with memory that stalls."""


def _name(value: object) -> str:
    return getattr(value, "name", f"{value}".replace(", ", "x").strip("()"))


@pytest.fixture(scope="module")
def model():
    return frame_model(SMALL16, generate(SMALL16), LEAST_MEMORY).build()


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("memory", "stall"),
    [(IDEAL, 0), (SDR16_133, 96), *slow((IDEAL, 96), (SDR16_133, 0))],
    ids=_name,
)
def test_signs(model, memory, stall, seed):
    network, picture = binary(seed)
    compiled = compile_network(network, SMALL16, memory)
    computes = [f for f in compiled.program.instructions if f["opcode"] is Opcode.COMPUTE]
    assert any(has_signs(fields) for fields in computes)
    check(model, network, picture, compiled, Conditions(memory=memory, stall=stall, seed=seed))


@pytest.mark.cosim
@pytest.mark.parametrize(("size", "memory", "stall"), [*USUAL, *slow(*OTHERS)], ids=_name)
def test_frames(model, size, memory, stall, seed):
    network, picture = staying(seed, *size)
    # With fast memory nothing might stay; a program holds with any memory.
    compiled = compile_network(network, SMALL16, SDR16_133)
    assert compiled.plan.chip_maps
    check(model, network, picture, compiled, Conditions(memory=memory, stall=stall, seed=seed))


def check(model, network, picture, compiled, conditions):
    """Every code in memory is the network's, and without stalls every counter the prediction's."""
    manifest = describe(compiled)
    content = memory_with_picture(compiled.image, manifest, picture)
    address = compiled.image.program_address
    outcome = run_frame(model, SMALL16, content, address, conditions)
    assert outcome.done, outcome.error
    expected = execute.run(network, picture)
    for layer in manifest.layers_in_memory:
        assert (read_layer(outcome.memory, layer) == expected[layer.tensor]).all(), layer.storage
    if not conditions.stall:
        counters = predict(content, address, SMALL16, conditions.memory).counters
        assert {name: outcome.counters[name] for name in counters} == counters
