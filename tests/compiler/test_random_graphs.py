"""Property: for random networks over the whole supported range, every code is the same everywhere:

the float64 ONNX graph == the integer network == the program on the instruction-level machine.
"""


import numpy as np
import onnx
import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from compiler.check.compare import differing_codes
from compiler.check.reference import run_float64
from compiler.flow import compile_network
from compiler.frontend import read_network
from golden import execute
from golden.machine import GoldenMachine, check_races
from host.memory import read_layer, write_picture
from tests.random_graphs import random_model


@pytest.mark.parametrize("seed", range(60))
def test_every_code(tmp_path, seed):
    model = random_model(seed)
    path = tmp_path / f"{seed}.onnx"
    onnx.save(model, path)
    network = read_network(path)
    shape = network.tensors[network.input].shape
    picture = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    results = execute.run(network, picture)
    reference = run_float64(model, picture[None] * (1 / 255))
    differing = differing_codes(network, results, reference)
    assert not any(differing.values()), (seed, differing)
    for name, values in execute.outputs(network, results).items():
        # Clip limits are float32: the outermost level of a quantised output is that far off.
        scale = np.abs(values).max() + 1
        np.testing.assert_allclose(values, reference[name][0], rtol=0, atol=1e-6 * scale)

    machine = (TINY, ECP5_25F, ECP5_85F)[seed % 3]
    compiled = compile_network(network, machine)
    manifest = compiled.manifest()
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    check_races(machine, memory, compiled.image.program_address)
    GoldenMachine(machine).run(memory, compiled.image.program_address)
    differing = {
        layer.storage: int((read_layer(memory, layer) != results[layer.tensor]).sum())
        for layer in manifest.layers
    }
    assert not any(differing.values()), (seed, machine.name, differing)
