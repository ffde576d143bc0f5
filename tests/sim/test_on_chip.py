"""Whole frames with maps that stay on chip: RTL computes the network, in the cycles predicted."""

import pytest

from arch.memory import MEMORIES, SDR16_133
from compiler.cost.frame import predict
from compiler.describe import describe
from compiler.flow import compile_network
from golden import execute
from host.memory import memory_with_picture, read_layer
from hw.verilog import generate
from sim.frame import LEAST_MEMORY, Conditions, frame_model, run_frame
from tests.samples.machines import SMALL16
from tests.samples.staying import staying


@pytest.fixture(scope="module")
def model():
    return frame_model(SMALL16, generate(SMALL16), LEAST_MEMORY).build()


@pytest.mark.cosim
@pytest.mark.parametrize("stall", [0, 96])
@pytest.mark.parametrize("memory", MEMORIES.values(), ids=lambda memory: memory.name)
@pytest.mark.parametrize("size", [(24, 32), (22, 36)])
def test_frames(model, size, memory, stall, seed):
    network, picture = staying(seed, *size)
    # With fast memory nothing might stay; a program holds with any memory.
    compiled = compile_network(network, SMALL16, SDR16_133)
    assert compiled.plan.chip_maps
    manifest = describe(compiled)
    content = memory_with_picture(compiled.image, manifest, picture)
    address = compiled.image.program_address
    conditions = Conditions(memory=memory, stall=stall, seed=seed)
    outcome = run_frame(model, SMALL16, content, address, conditions)
    assert outcome.done, outcome.error
    expected = execute.run(network, picture)
    for layer in manifest.layers_in_memory:
        assert (read_layer(outcome.memory, layer) == expected[layer.tensor]).all(), layer.storage
    if not stall:
        counters = predict(content, address, SMALL16, memory).counters
        assert {name: outcome.counters[name] for name in counters} == counters
