"""A frame with pieces of the host on a board, which here is memory and the golden machine."""

import numpy as np

from arch.machine import TINY
from compiler.describe import describe
from compiler.flow import compile_file
from golden import execute
from golden.machine import GoldenMachine
from host.device import Device
from host.memory import memory_with_picture, read_layer
from host.pieces import crossing_bytes
from tests.samples.host_pieces import attention


class Line:
    """Reads and writes memory, and counts the bytes."""

    def __init__(self, memory: np.ndarray):
        self.memory = memory
        self.read_bytes = self.written_bytes = 0

    def read(self, address: int, count: int, report=None) -> bytes:
        self.read_bytes += count
        return self.memory[address : address + count].tobytes()

    def write(self, address: int, content: bytes, report=None) -> None:
        self.written_bytes += len(content)
        self.memory[address : address + len(content)] = np.frombuffer(content, np.uint8)


class Board(Device):
    """Programs run on the golden machine."""

    def run(self, program_address: int, watchdog: int = 0) -> dict[str, int]:
        found = GoldenMachine(TINY).run(self.link.memory, program_address)
        return {"computed": found.computed, "passes": found.passes}


def test_a_frame_over_the_line(tmp_path, rng):
    compiled = compile_file(attention(4, 2).save(tmp_path), TINY)
    network, manifest = compiled.network, describe(compiled)
    codes = rng.integers(0, 256, network.shape(network.input), dtype=np.uint8)
    line = Line(memory_with_picture(compiled.image, manifest, codes))
    pieces = {f"{piece.name}.onnx": piece.model for piece in network.pieces}
    counters = Board(line).frame(compiled.image, manifest, pieces)
    results = execute.run(network, codes)
    for layer in manifest.layers_in_memory:
        found = read_layer(line.memory, layer)
        np.testing.assert_array_equal(found, results[layer.tensor], err_msg=layer.tensor)
    assert counters["computed"] == len(compiled.prediction.computes)
    assert counters["passes"] == compiled.prediction.passes
    asked = [crossing_bytes(manifest, piece) for piece in manifest.pieces]
    assert 0 <= line.read_bytes - sum(read for read, _ in asked) < 64
    assert 0 <= line.written_bytes - sum(written for _, written in asked) < 64
