"""Property: random networks in RTL give every layer's golden codes, with memory stalling or not."""


import numpy as np
import onnx
import pytest

from arch.machine import TINY
from compiler.flow import compile_network
from compiler.frontend import read_network
from golden import execute
from host.memory import read_layer, write_picture
from hw.verilog import generate
from sim.frame import LEAST_MEMORY, Conditions, frame_model, run_frame
from tests.random_graphs import random_model

SEEDS = range(1000, 1010)


@pytest.fixture(scope="module")
def model():
    return frame_model(TINY, generate(TINY), LEAST_MEMORY).build()


@pytest.mark.cosim
@pytest.mark.parametrize("seed", SEEDS)
def test_rtl_equals_network(tmp_path, model, seed):
    path = tmp_path / f"{seed}.onnx"
    onnx.save(random_model(seed), path)
    network = read_network(path)
    shape = network.tensors[network.input].shape
    picture = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    compiled = compile_network(network, TINY)
    manifest = compiled.manifest()
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    stall = 64 if seed % 2 else 0
    outcome = run_frame(
        model, TINY, memory, compiled.image.program_address, Conditions(stall=stall, seed=seed)
    )
    assert outcome.done, outcome.error
    expected = execute.run(network, picture)
    differing = {
        layer.storage: int(
            (read_layer(outcome.memory, layer) != expected[layer.tensor]).sum()
        )
        for layer in manifest.layers
    }
    print(f"seed {seed}: {outcome.counters['cycles']} cycles, {len(differing)} layers")
    assert not any(differing.values()), (seed, differing)
