"""The link between a host and a board: packets, their operations, and the board's own registers.

A packet to the board is a header, a payload and a CRC-32 (that of zlib) of both; all little endian:

    byte    operation
    byte    sequence: the answer has the same one
    uint16  count: what it counts is said with each operation
    uint32  address in bytes

The answer is ``ANSWER`` + operation, the sequence, a payload and a CRC-32. Answers come in the
order of the packets, and the board listens while it sends one: up to ``ANSWERS_WAITING`` packets
may be unanswered. Only one of them may read, or two where none comes behind them: what is to be
read next waits until what was to be read before has been sent, and ``WAITING_BYTES`` of what
follows wait with it. Memory may be written by a packet before one in front of it has read.

There is no answer to a packet whose CRC is wrong, or whose bytes stop coming: the board forgets
what it had of it, waits until the line has been silent for as long, and begins anew. A register
that is written twice in a row with one sequence is written once.
"""

from amaranth.lib import enum

HEADER_BYTES = 8
CRC_BYTES = 4
UNIT = 8
"""Bytes of memory that are read or written at once; addresses and lengths are multiples of it."""
PACKET_UNITS = 16
"""Units in the payload of a packet to the board: it is kept until its CRC has been seen."""
WAITING_BYTES = 64
"""So many bytes of what comes next are kept while the board cannot do a packet: while what another
one asked for is sent, or the accelerator's bursts keep memory busy."""
ANSWERS_WAITING = 16
"""Answers that the board has not begun to send."""
PIXEL_BYTES = 3
"""Of a pixel on the line; in memory a fourth one, 0, follows."""
ANSWER = 0x80
SILENCE_SECONDS = 0.02
"""After which a board forgets a packet: longer than an operating system lets a running program wait
between two pieces of one."""


class Operation(enum.IntEnum, shape=8):
    """What the board is asked for."""

    #: count units from the address on.
    READ = 0x01
    #: count units, at most PACKET_UNITS; the answer has no payload.
    WRITE = 0x02
    #: count units of two pixels each, the fourth byte of a pixel left out.
    PIXELS = 0x03
    #: count units from the address on, and as many again `skip` bytes behind them, `repeats` times
    #: in all. Payload: uint32 skip, uint16 repeats, uint16 0.
    READ_STRIDED = 0x04
    #: A register, answered as a unit; count is 1.
    READ_REGISTER = 0x05
    #: A register, with a unit; count is 1. The answer has no payload.
    WRITE_REGISTER = 0x06


MEMORY_BITS = 27
"""Of an address; higher ones are left out."""
BOARD_REGISTERS = 0x100
"""The bit of an address that tells the board's registers from those of :mod:`arch.registers`."""
BOARD_IDENTIFIER = 0x4B4E494C
"""The bytes "LINK"."""
LINK_VERSION = 2


READ_TIMINGS = 4
"""Values of the register READ_LATE."""


class BoardRegister(enum.IntEnum):
    """Addresses. R: read only; RW: read and write."""

    IDENTIFIER = 0x100  # R: BOARD_IDENTIFIER
    VERSION = 0x104  # R: LINK_VERSION 7:0, board number 15:8
    SESSION = 0x108  # RW: 0 after a reset; what a host writes stays until the next one
    FAULTS = 0x10C  # R: packets with a wrong CRC 15:0, packets whose bytes stopped 31:16; to 255
    MEMORY = 0x110  # R: bit 0 initialised
    READ_LATE = 0x114  # RW: cycles by which the memory's words come late, 1:0
    HALF = 0x118  # RW: bit 0: the accelerator has the halves of memory the other way round


USUAL_BAUD = 3_000_000
"""Of the serial line of most boards (docs/boards.md)."""
BITS_OF_A_BYTE = 10
"""On the line, with its start and stop bit."""


def line_seconds(count: int, baud: float = USUAL_BAUD) -> float:
    """How long so many bytes take at least; what a packet adds to them is not in it."""
    return count * BITS_OF_A_BYTE / baud
