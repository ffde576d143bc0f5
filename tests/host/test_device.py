"""Pictures over the line: memory on the board is as a host would have written it."""

import numpy as np
import pytest

from arch.machine import ECP5_85F, TINY
from compiler.describe import describe
from compiler.flow import compile_network
from host.device import Device
from host.memory import write_picture
from tests.samples.networks import Builder


class Recorded:
    """A link to memory that starts as the program image."""

    def __init__(self, memory: np.ndarray):
        self.memory = memory.copy()

    def write(self, address, content, report=None):
        self.memory[address : address + len(content)] = np.frombuffer(content, np.uint8)

    def write_pixels(self, address, content, report=None):
        pixels = np.frombuffer(content, np.uint8).reshape(-1, 3)
        self.write(address, np.pad(pixels, ((0, 0), (0, 1))).tobytes())


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda machine: machine.name)
@pytest.mark.parametrize(("kernel", "blocks"), [(6, 2), (3, 1)])
def test_a_picture_lies_as_the_program_expects_it(machine, kernel, blocks):
    b = Builder(1, 14, 18)
    b.conv("in", "head", 5, kernel, stride=2, pad=kernel // 3, pad_value=9, raw=True)
    compiled = compile_network(b.network("head"), machine)
    manifest = describe(compiled)
    assert manifest.picture.block == blocks
    picture = b.picture()
    wanted = compiled.image.memory()
    link = Recorded(wanted)
    Device(link).put_picture(compiled.image, manifest, picture)
    write_picture(wanted, manifest, picture)
    assert (link.memory != wanted).sum() == 0
