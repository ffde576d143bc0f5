"""Two frames in flight: every result is that of its picture, and nobody is in anybody's way."""

import struct
from dataclasses import replace

import numpy as np
import pytest

from arch.link import UNIT, BoardRegister, Operation
from arch.machine import TINY
from arch.registers import Register
from compiler.candidates.hosted import head_weights
from compiler.describe import describe
from compiler.flow import ARRAY, HOST, compile_network
from golden.machine import GoldenMachine
from host.boxes import boxes_on_picture
from host.device import Device, result_bytes
from host.line.flight import Flight, FlightError, fits, one_by_one
from host.line.packets import Command
from host.memory import layer_format, memory_with_picture
from tests.samples.detectors import compiled, frame, memory_after, raw_maps
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
        if command.operation == Operation.READ_STRIDED:
            length = command.count * UNIT
            skip, repeats, _ = struct.unpack("<IHH", command.payload)
            return b"".join(
                found[at : at + length].tobytes()
                for at in range(0, repeats * (length + skip), length + skip)
            )
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


@pytest.mark.parametrize("beside", [0, 8])
def test_results_where_a_picture_lies_are_fetched_first(program, beside):
    """Or at once, where they lie apart."""
    _, manifest, _ = program
    board, flight = _flight(program)
    form = layer_format(manifest.layer_of(manifest.outputs[0].tensor))
    board.memory[:] = 9
    place = form.address - form.address % UNIT if beside == 0 else form.end + -form.end % UNIT
    told = [Command(Operation.WRITE, 1, place, bytes(8))]
    landed = flight._land({}, 0, told, None)
    assert (landed.memory[form.address : form.end] == 9).all()
    assert not board.memory[place : place + 8].any()
    assert any(asked and told for asked, told in board.at_once) == bool(beside)


@pytest.mark.parametrize("heads", [ARRAY, HOST])
def test_candidates_alone(tmp_path, heads):
    """The boxes are those of the whole results, and fewer bytes come for them."""
    floor = 0.9
    made, manifest = compiled(raw_maps(tmp_path), TINY, floor, heads)
    image = made.image
    pictures = [frame(np.random.default_rng(seed)) for seed in range(4)]
    board = Board(image.memory_bytes)
    board.program = manifest.program_address
    flight = Flight(Device(board), image, manifest, SIZE, floor)
    flight.load()
    weights = head_weights(made.network, made.heads) if heads == HOST else b""
    for shown, landed in zip(pictures, flight.frames(each.codes for each in pictures), strict=True):
        whole = memory_after(made, manifest, shown.codes)
        found, expected = (
            boxes_on_picture(memory, manifest, shown, floor, None, weights)
            for memory in (landed.memory, whole)
        )
        assert found.equal(expected)
        assert len(found)
        # Features are few here, and read whole.
        most = result_bytes(manifest) - (heads == ARRAY)
        assert 0 < landed.fetched <= most
    assert any(asked and told for asked, told in board.at_once)


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
