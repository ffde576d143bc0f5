"""The link, driver and hardware: what it does, and that lost and changed bytes never matter."""

import random
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from amaranth.back import verilog

from arch.link import BOARD_IDENTIFIER, BoardRegister, Operation
from boards.link.end import LinkEnd
from host.line.packets import BOTH_WAYS_UNITS, Command, reads, writes
from host.link import BoardResetError, Link, LinkError
from hw.yosys import find_yosys
from sim import board
from sim.board.transport import simulated_board
from sim.verilator import Model

SIZE = 1 << 16
BAUD = 25e6
SILENCE = 1000  # cycles of 10 ns
SIGNALS = (
    "give", "bytes", "given", "want", "wanted", "patience", "enough", "answer", "taken", "button",
    "load", "dump", "dump_first", "dump_last", "sdram_errors",
)  # fmt: skip


def link_model(bits: int) -> Model:
    find_yosys()
    end = LinkEnd(beat_bits=bits, silence=SILENCE, baud=BAUD, clock_hz=1e8, number=7)
    models = Path(board.__file__).parent
    sources = {
        "link_end.v": verilog.convert(end, name="link_end", strip_internal_attrs=True),
        "memory.v": (models.parent / "memory.v").read_text(),
        "line_host.sv": (models / "line_host.sv").read_text(),
        "link.sv": Path(__file__).with_name("link.sv").read_text(),
    }
    return Model("link", sources, {"BITS": bits}, visible=SIGNALS).build()


@pytest.fixture(scope="module")
def model():
    return link_model(64)


@contextmanager
def board_of(model):
    word = model.parameters["BITS"] // 8
    with simulated_board(model, baud=BAUD, silence=SILENCE * 1e-8, word=word) as line:
        line.latency = 2e-5
        yield line


class FaultyLine:
    """A line that now and then loses, doubles or changes a byte, either way."""

    def __init__(self, line, seed: int, chance: float):
        self.line, self.random, self.chance = line, random.Random(seed), chance
        self.baud, self.latency, self.silence = line.baud, line.latency, line.silence
        self.faults = 0
        self._come = bytearray()

    def _spoilt(self, content: bytes) -> bytes:
        if self.random.random() > self.chance * len(content):
            return content
        found = bytearray(content)
        at = self.random.randrange(len(found))
        kind = self.random.randrange(3)
        if kind == 0:
            del found[at]
        elif kind == 1:
            found.insert(at, found[at])
        else:
            found[at] ^= 1 << self.random.randrange(8)
        self.faults += 1
        return bytes(found)

    def write(self, content):
        self.line.write(self._spoilt(content))

    def read(self, count, seconds):
        while len(self._come) < count:
            part = self.line.read(count - len(self._come), seconds)
            if not part:
                break
            self._come += self._spoilt(part)
        found = bytes(self._come[:count])
        del self._come[:count]
        return found

    def now(self):
        return self.line.now()


def _do_something(link: Link, mirror: np.ndarray, sums: list[int], chance: random.Random) -> None:
    """One command, checked against what it must have done."""
    length = 8 * chance.choice((1, 1, 2, 3, 5))
    at = 8 * chance.randrange((SIZE - 4096) // 8)
    kind = chance.randrange(6)
    if kind == 0:
        assert link.read(at, length) == mirror[at : at + length].tobytes()
    elif kind == 1:
        content = chance.randbytes(length)
        link.write(at, content)
        mirror[at : at + length] = np.frombuffer(content, np.uint8)
    elif kind == 2:
        pixels = np.frombuffer(chance.randbytes(length // 4 * 3), np.uint8).reshape(-1, 3)
        link.write_pixels(at, pixels.tobytes())
        mirror[at : at + length].reshape(-1, 4)[:] = np.pad(pixels, ((0, 0), (0, 1)))
    elif kind == 3:
        stride, number = 8 * chance.randrange(1, 20), chance.randrange(1, 6)
        found = link.read_records(at, length, stride, number)
        records = [mirror[at + i * stride :][:length].tobytes() for i in range(number)]
        assert found == b"".join(records)
    elif kind == 4:
        register, value = chance.randrange(64), chance.randrange(1 << 32)
        link.write_register(4 * register, value)
        sums[register] = (sums[register] + value) % (1 << 32)
    else:
        register = chance.randrange(64)
        assert link.read_register(4 * register) == sums[register]


def _stress(model, commands: int, chance: float) -> tuple[Link, FaultyLine]:
    mirror, sums = np.zeros(SIZE, np.uint8), [0] * 64
    with board_of(model) as line:
        faulty = FaultyLine(line, 5, chance)
        link = Link(faulty)
        link.begin_session(1)
        order = random.Random(3)
        for _ in range(commands):
            _do_something(link, mirror, sums, order)
        found, _ = line.get_memory(SIZE)
        assert np.array_equal(found, mirror)
        clean = Link(line)
        line.read(1 << 12, line.silence * 2)
        assert [clean.read_register(4 * i) for i in range(64)] == sums
    print(
        f"{commands} commands, {faulty.faults} faults, mended: {dict(link.faults)}, longest "
        f"recovery {link.longest_recovery * 1e6:.1f} us of {line.silence * 1e6:.1f} us of silence"
    )
    return link, faulty


@pytest.mark.cosim
def test_random_commands_without_faults(model):
    link, _ = _stress(model, 300, 0)
    assert not link.faults


@pytest.mark.cosim
def test_units_of_a_wide_port():
    """Half of a beat is read and written."""
    link, _ = _stress(link_model(128), 100, 0)
    assert not link.faults


@pytest.mark.cosim
def test_random_commands_with_faults(model):
    """Every register is written exactly once per command, all memory is as it must be."""
    link, faulty = _stress(model, 1000, 0.004)
    assert faulty.faults > 50
    assert sum(link.faults.values()) > 50
    # Silence is waited for from the last byte on; no answer here is longer than 2 KB.
    assert link.longest_recovery < 10 * SILENCE * 1e-8


@pytest.mark.cosim
@pytest.mark.slow
def test_a_hundred_thousand_commands_with_faults(model):
    link, faulty = _stress(model, 100_000, 0.002)
    assert faulty.faults > 2000
    assert link.longest_recovery < 10 * SILENCE * 1e-8


@pytest.mark.cosim
def test_long_transfers(model):
    """Many packets under way at once, and a report of every one."""
    content = random.Random(1).randbytes(6000)
    told = []
    with board_of(model) as line:
        link = Link(line)
        link.write(0x100, content, told.append)
        assert link.read(0x100, 6000) == content
        assert sum(told) == 6000
        assert not link.faults


@pytest.mark.cosim
@pytest.mark.parametrize("bits", [64, 128])
def test_packets_across_the_end_of_a_page(bits):
    """Two bursts each, wherever the packet is cut."""
    order = random.Random(6)
    with board_of(link_model(bits)) as line:
        link = Link(line)
        for before in (1, 2, 7, 8, 15):
            content = order.randbytes(128)
            at = 0x1000 * before - 8 * before
            link.write(at, content)
            assert link.read(at - 8, 144) == bytes(8) + content + bytes(8)
        assert not link.faults


@pytest.mark.cosim
def test_both_ways_at_once(model):
    """In little more time than the longer way takes, and with faults right as well."""
    content = random.Random(4).randbytes(4096)
    with board_of(model) as line:
        link = Link(line)
        link.write(0x2000, content)
        times = []
        for work in (
            lambda: link.read(0x2000, 4096),
            lambda: link.write(0x4000, content),
            lambda: link.exchange_both_ways(
                reads(0x2000, 4096, BOTH_WAYS_UNITS), writes(0x6000, content)
            ),
        ):
            started = line.now()
            found = work()
            times.append(line.now() - started)
        assert b"".join(found) == content
        assert link.read(0x4000, 4096) == link.read(0x6000, 4096) == content
        assert times[2] < 1.2 * max(times[:2])
        assert not link.faults
        link = Link(FaultyLine(line, 6, 0.0002))
        for turn in range(4):
            place = 0x8000 + 0x1000 * turn
            found = link.exchange_both_ways(
                reads(0x2000, 4096, BOTH_WAYS_UNITS), writes(place, content[::-1])
            )
            assert b"".join(found) == content
            assert link.read(place, 4096) == content[::-1]
        assert sum(link.faults.values()) > 3


@pytest.mark.cosim
def test_a_host_that_dies_in_a_packet(model):
    """What had come of it is forgotten, and counted."""
    packet = Command(Operation.WRITE, 4, 0x40, bytes(range(32))).packet(9)
    with board_of(model) as line:
        for length in (1, 7, 8, 20, len(packet) - 1):
            line.write(packet[:length])
            line.wait(1e-6 * length + SILENCE * 2e-8)
            link = Link(line)
            assert link.read_register(BoardRegister.IDENTIFIER) == BOARD_IDENTIFIER
            assert not link.faults
        assert link.read(0x40, 32) == bytes(32)
        assert link.read_register(BoardRegister.FAULTS) == 5 << 16


@pytest.mark.cosim
def test_rubbish_is_ignored(model):
    with board_of(model) as line:
        line.write(random.Random(2).randbytes(500))
        line.wait(1e-4)
        line.read(1 << 12, line.silence * 2)
        link = Link(line)
        assert link.read(0, SIZE // 8) == bytes(SIZE // 8)
        assert link.read_register(BoardRegister.FAULTS) & 0xFFFF


@pytest.mark.cosim
def test_a_reset_is_noticed(model):
    """In the middle of an answer: it is asked for again, and then the session is found missing."""
    with board_of(model) as line:
        link = Link(line)
        link.begin_session(0x1234)
        assert link.read_register(BoardRegister.SESSION) == 0x1234
        line.write(Command(Operation.READ, 200, 0, answer_bytes=1600).packet(77))
        line.wait(1e-4)
        line.press_reset()
        with pytest.raises(BoardResetError, match="was reset"):
            link.read(0, 64)


@pytest.mark.cosim
def test_a_silent_board_is_an_error(model):
    class Cut(FaultyLine):
        def write(self, content):
            self.faults += 1

    with (
        board_of(model) as line,
        pytest.raises(LinkError, match=r"no answer, 10 times in a row"),
    ):
        Link(Cut(line, 1, 0)).read_register(BoardRegister.IDENTIFIER)
