"""Damaged files: an OnefourError or a network, never anything else."""

from pathlib import Path

import numpy as np
import onnx
import pytest

from compiler.errors import OnefourError, QuantisationError, UnsupportedError
from compiler.frontend.dialect import described
from compiler.frontend.obstacles import all_obstacles
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import load_model, read_onnx
from tests.compiler.frontend.watched import first_obstacle
from tests.random_networks.graphs import random_model
from tests.samples.integer_net import begun


def model_of(seed: int) -> onnx.ModelProto:
    """A random model; for seed 0 one of integers only."""
    if seed:
        return random_model(seed)
    net, x = begun()
    net.results(net.layer(x, 8, 8, zeros=[np.array(3, np.uint8)]), 8)
    return net.model()


def outcome(path: Path, content: bytes) -> str:
    """The message that reading the content ends in, or "" where it is read.

    The list of obstacles begins with it, unless the file cannot be read.
    """
    path.write_bytes(content)
    try:
        described(load_model(path))
        read_network(path)
    except OnefourError as error:
        message = str(error)
        if isinstance(error, UnsupportedError | QuantisationError):
            assert first_obstacle(path) == message
        return message
    assert not all_obstacles(read_onnx(path), 1 / 255)
    return ""


@pytest.mark.parametrize("seed", [0, 3, 4])
def test_truncation(tmp_path, seed):
    content = model_of(seed).SerializeToString()
    places = np.unique(np.linspace(0, len(content) - 1, 80).astype(int))
    found = {outcome(tmp_path / "cut.onnx", content[:place]) for place in places}
    assert any("cut short" in message for message in found)


@pytest.mark.parametrize("seed", [0, *range(5, 9)])
def test_flipped_bits(tmp_path, seed):
    content = model_of(seed).SerializeToString()
    rng = np.random.default_rng(seed)
    for _ in range(40):
        damaged = bytearray(content)
        for place in rng.integers(len(content), size=rng.integers(1, 4)):
            damaged[place] ^= 1 << int(rng.integers(8))
        outcome(tmp_path / "flipped.onnx", bytes(damaged))
