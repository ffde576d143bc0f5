"""Two frames in flight: every result is that of its picture, and nobody is in anybody's way."""

from dataclasses import replace

import numpy as np
import pytest

from arch.link import BoardRegister, Operation
from arch.machine import TINY
from arch.registers import Register
from compiler.describe import describe
from compiler.flow import compile_network
from golden.machine import GoldenMachine
from host.device import Device
from host.line.flight import Flight, FlightError, fits, one_by_one
from host.line.packets import Command
from host.memory import layer_format, memory_with_picture
from tests.samples.networks import Builder

SIZE = 1 << 20


class Board:
    """A link to a board whose accelerator is golden's machine; it works until it is asked."""

    def __init__(self, used: int):
        self.memory = np.zeros(SIZE, np.uint8)
        self.used, self.half, self.busy = used, 0, None
        self.transport, self.at_once = self, []

    def now(self):
        return 0.0

    def check_session(self):
        pass

    def write_register(self, address, value):
        if address == BoardRegister.HALF:
            assert self.busy is None
            self.half = value
        elif address == Register.CONTROL:
            self.busy = self.half

    def read_register(self, address):
        assert address == Register.STATUS
        first = self.busy * SIZE // 2
        mine = self.memory[first : first + self.used]
        GoldenMachine(TINY).run(mine, self.program)
        self.busy = None
        return 2

    def read_registers(self, addresses):
        return [7 for _ in addresses]

    def exchange(self, commands, report=None):
        return [self._do(each) for each in commands]

    def exchange_both_ways(self, asked, told, report=None):
        self.at_once.append((len(asked), len(told)))
        for each in told:
            self._do(each)
        return [self._do(each) for each in asked]

    def _do(self, command):
        place = command.memory
        if self.busy is not None:
            first = self.busy * SIZE // 2
            assert place.stop <= first or place.start >= first + self.used
        found = self.memory[place.start : place.stop]
        if command.operation == Operation.READ:
            return found.tobytes()
        content = np.frombuffer(command.payload, np.uint8)
        if command.operation == Operation.PIXELS:
            content = np.pad(content.reshape(-1, 3), ((0, 0), (0, 1))).reshape(-1)
        found[:] = content
        return b""


@pytest.fixture(scope="module")
def program():
    b = Builder(1, 12, 12)
    b.conv("in", "middle", 16, 3, weight_bits=1, pad=1)
    b.conv("middle", "head", 5, 1, weight_bits=1, raw=True)
    compiled = compile_network(b.network("head"), TINY)
    chance = np.random.default_rng(1)
    shape = b.picture().shape
    pictures = [chance.integers(0, 256, shape, dtype=np.uint8) for _ in range(4)]
    return compiled.image, describe(compiled), pictures


def _flight(program):
    image, manifest, _ = program
    board = Board(image.memory_bytes)
    board.program = manifest.program_address
    return board, Flight(Device(board), image, manifest, SIZE)


def _outputs(manifest, memory):
    forms = [layer_format(manifest.layer_of(each.tensor)) for each in manifest.outputs]
    return [memory[form.address : form.end].tolist() for form in forms]


@pytest.mark.parametrize("count", [0, 1, 2, 4])
def test_every_picture_has_its_results(program, count):
    image, manifest, pictures = program
    board, flight = _flight(program)
    flight.load()
    landed = list(flight.frames(iter(pictures[:count])))
    assert len(landed) == count
    for codes, each in zip(pictures, landed, strict=False):
        memory = memory_with_picture(image, manifest, codes)
        GoldenMachine(TINY).run(memory, manifest.program_address)
        assert _outputs(manifest, each.memory) == _outputs(manifest, memory)
        assert each.counters["cycles"] == 7
    if count > 2:  # both ways at once
        assert any(asked and told for asked, told in board.at_once)


def test_what_the_accelerator_uses_is_left_alone(program):
    image, _, _ = program
    _, flight = _flight(program)
    flight.load()
    flight._start(1)
    inside = Command(Operation.READ, 1, SIZE // 2 + image.memory_bytes - 8, answer_bytes=8)
    with pytest.raises(FlightError, match="while the accelerator works on 0x80000 to"):
        flight._exchange([inside], [], None)
    behind = replace(inside, address=SIZE // 2 + image.memory_bytes)
    assert flight._exchange([behind], [], None) == [bytes(8)]
    flight._finish()
    flight._exchange([inside], [], None)


def test_results_where_a_picture_lies_are_fetched_first(program):
    board, flight = _flight(program)
    board.memory[64:72] = 9
    asked = [Command(Operation.READ, 1, 64, answer_bytes=8)]
    told = [Command(Operation.WRITE, 1, 64, bytes(8))]
    assert flight._exchange(asked, told, None) == [bytes([9] * 8)]
    assert not board.at_once
    assert not board.memory[64:72].any()


def test_what_does_not_fit(program):
    image, manifest, _ = program
    assert not fits(image, manifest, SIZE)
    assert "more than a half" in fits(image, manifest, 2 * image.memory_bytes - 2)


def test_one_after_another(program):
    image, manifest, pictures = program

    class Alone(Board):
        def write(self, address, content, report=None):
            self.memory[address : address + len(content)] = np.frombuffer(content, np.uint8)

        def write_pixels(self, address, content, report=None):
            pixels = np.frombuffer(content, np.uint8).reshape(-1, 3)
            self.write(address, np.pad(pixels, ((0, 0), (0, 1))).tobytes())

        def read(self, address, length, report=None):
            return self.memory[address : address + length].tobytes()

    board = Alone(image.memory_bytes)
    board.program = manifest.program_address
    device = Device(board)
    device.load(image)
    flying, flight = _flight(program)
    flight.load()
    alone = one_by_one(device, image, manifest, {}, pictures)
    for one, other in zip(alone, flight.frames(pictures), strict=True):
        assert np.array_equal(one.memory, other.memory)
    assert flying.half == 1
