"""AXI4 and AXI4-Lite as Amaranth streams: the signals that the accelerator uses, and no others.

AXI's handshake rules are those of :mod:`amaranth.lib.stream` (a valid payload stays until it is
taken; valid never waits for ready), so each channel is a stream. What never changes has no signal
here and is tied off in :mod:`hw.top`: every burst is incrementing, with identifier 0, and bursts
that are read have full beats."""

from amaranth.hdl import unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.wiring import In, Out

from arch.formats import ADDRESS_BITS

LITE_ADDRESS_BITS = 8


class Response(enum.Enum, shape=2):
    """How the memory answered (AXI4, A3.4.4)."""

    OKAY = 0
    EXCLUSIVE_OKAY = 1
    SUBORDINATE_ERROR = 2
    DECODE_ERROR = 3


class Burst(data.Struct):
    """An address channel's payload: ``length`` is the number of beats less one."""

    address: unsigned(ADDRESS_BITS)
    length: unsigned(8)


class WriteBurst(data.Struct):
    """A write address channel's payload: its beats have 2^size bytes (AXI4, A3.4.1)."""

    address: unsigned(ADDRESS_BITS)
    length: unsigned(8)
    size: unsigned(3)


def read_beat(data_bits: int) -> data.StructLayout:
    """Return the payload of the read data channel."""
    return data.StructLayout({"data": data_bits, "response": Response, "last": 1})


def write_beat(data_bits: int) -> data.StructLayout:
    """Return the payload of the write data channel; bit i of ``strobe`` writes byte i."""
    return data.StructLayout({"data": data_bits, "strobe": data_bits // 8, "last": 1})


def read_signature(data_bits: int) -> wiring.Signature:
    """Return the read channels as their manager has them: AR out, R in."""
    return wiring.Signature({
        "ar": Out(stream.Signature(Burst)),
        "r": In(stream.Signature(read_beat(data_bits))),
    })  # fmt: skip


def write_signature(data_bits: int, burst: type[data.Struct] = Burst) -> wiring.Signature:
    """Return the write channels as their manager has them: AW and W out, B in.

    With :class:`WriteBurst` in place of :class:`Burst` beats may be narrower than the data.
    """
    return wiring.Signature({
        "aw": Out(stream.Signature(burst)),
        "w": Out(stream.Signature(write_beat(data_bits))),
        "b": In(stream.Signature(Response)),
    })  # fmt: skip


LITE_WRITE = data.StructLayout({"data": 32, "strobe": 4})
LITE_READ = data.StructLayout({"data": 32, "response": Response})


def lite_signature() -> wiring.Signature:
    """Return an AXI4-Lite port of 32-bit registers as its manager has it."""
    return wiring.Signature({
        "aw": Out(stream.Signature(LITE_ADDRESS_BITS)),
        "w": Out(stream.Signature(LITE_WRITE)),
        "b": In(stream.Signature(Response)),
        "ar": Out(stream.Signature(LITE_ADDRESS_BITS)),
        "r": In(stream.Signature(LITE_READ)),
    })  # fmt: skip
