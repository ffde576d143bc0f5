"""The serial transport and the driver on a pseudo terminal, with a board made of Python."""

import os
import pty
import struct
import threading
import tty
import zlib

import pytest

from arch.link import ANSWER, CRC_BYTES, HEADER_BYTES, UNIT, Operation
from host.link import Link, LinkError
from host.serial_line import LineError, SerialLine


class PythonBoard(threading.Thread):
    """Memory behind packets; every ``spoils``-th answer has a wrong byte."""

    def __init__(self, line: int, spoils: int):
        super().__init__(daemon=True)
        self.line, self.spoils = line, spoils
        self.memory = bytearray(1 << 16)
        self.answers = 0

    def _take(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            found += os.read(self.line, count - len(found))
        return found

    def run(self):
        try:
            while True:
                self._packet()
        except OSError:
            return  # the line was closed

    def _packet(self):
        header = self._take(HEADER_BYTES)
        operation, sequence, count, address = struct.unpack("<BBHI", header)
        writes = operation == Operation.WRITE
        payload = self._take(count * UNIT if writes else 0)
        assert struct.unpack("<I", self._take(CRC_BYTES))[0] == zlib.crc32(header + payload)
        end = address + count * UNIT
        if writes:
            self.memory[address:end] = payload
        body = bytes((ANSWER | operation, sequence))
        body += b"" if writes else self.memory[address:end]
        self.answers += 1
        answer = bytearray(body + struct.pack("<I", zlib.crc32(body)))
        answer[1] ^= self.answers % self.spoils == 0
        os.write(self.line, answer)


@pytest.fixture
def ends():
    board, host = pty.openpty()
    for end in (board, host):
        tty.setraw(end)
    yield board, os.ttyname(host)
    for end in (board, host):
        os.close(end)


def test_memory_over_a_terminal(ends):
    board = PythonBoard(ends[0], spoils=5)
    board.start()
    line = SerialLine(ends[1], 115_200)
    link = Link(line)
    content = bytes(range(256)) * 8
    link.write(0x100, content)
    assert link.read(0x100, len(content)) == content
    assert board.memory[0x100 : 0x100 + len(content)] == content
    # On a busy computer this board may be late, too, which is mended likewise.
    assert link.faults["an answer's checksum was wrong"]
    line.close()


def test_nobody_answers(ends):
    line = SerialLine(ends[1], 115_200)
    line.latency = 0.001
    with pytest.raises(LinkError, match=r"READ_REGISTER at 0x100: no answer, 10 times in a row"):
        Link(line).read_register(0x100)
    line.close()


def test_unplugged(ends):
    line = SerialLine(ends[1], 115_200)
    line.close()
    with pytest.raises(LineError, match="the board is gone"):
        line.write(b"x")
