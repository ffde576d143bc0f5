"""The whole back end: a compiled network on the golden machine equals the integer network."""

import numpy as np
import pytest

from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY
from compiler.describe import describe
from compiler.flow import compile_network
from golden.execute import outputs, run
from golden.machine import GoldenMachine, check_races
from host.memory import read_layer, write_picture
from host.results import read_outputs
from tests.samples.networks import Builder, everything


def differing(network, picture, machine):
    """Per stored tensor, the number of codes that differ from the integer network."""
    compiled = compile_network(network, machine)
    manifest = describe(compiled)
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    check_races(machine, memory, compiled.image.program_address)
    GoldenMachine(machine).run(memory, compiled.image.program_address)
    expected = run(network, picture)
    floats = outputs(network, expected)
    for name, value in read_outputs(memory, manifest).items():
        assert np.array_equal(value, floats[name])
    return {
        layer.storage: int((read_layer(memory, layer) != expected[layer.tensor]).sum())
        for layer in manifest.layers_in_memory
    }


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize(("seed", "height", "width"), [(0, 16, 24), (1, 13, 17), (2, 37, 30)])
def test_machine_equals_network(machine, seed, height, width):
    network, picture = everything(seed, height, width)
    result = differing(network, picture, machine)
    print(f"seed {seed}: {result}")
    assert not any(result.values()), result
    # All but the views and the pooled convolution, plus one copy for a second kind of padding.
    assert len(result) >= 16


@pytest.mark.parametrize("seed", range(6))
def test_stems(seed):
    """Kernels 1..7 on pictures of 1..3 channels, strides 1 and 2, binary and 4-bit weights."""
    rng = np.random.default_rng(seed)
    b = Builder(seed, 18, 21, channels=int(rng.integers(1, 4)))
    kernel = int(rng.integers(1, 8))
    b.conv(
        "in",
        "stem",
        20,
        kernel,
        stride=int(rng.integers(1, 3)),
        weight_bits=int(rng.choice([1, 4])),
        bits=int(rng.integers(1, 5)),
    )
    b.conv("stem", "head", 3, 1, raw=True)
    print(f"seed {seed}: kernel {kernel}")
    result = differing(b.network("head"), b.picture(), TINY)
    assert not any(result.values()), result


def test_image_is_the_same_every_time():
    network, _ = everything(0, 16, 24)
    first, second = (compile_network(network, TINY).image.to_bytes() for _ in range(2))
    assert first == second
