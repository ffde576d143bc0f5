"""CRC-32, a byte a cycle: that of zlib, Ethernet and PNG."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

POLYNOMIAL = 0xEDB88320
"""Reflected: bit 0 comes first."""
RESIDUE = 0x2144DF1C
"""``value`` behind a text and its own CRC, as zlib gives it."""


def step(state: Signal, byte: Signal) -> Signal:
    """The state behind one more byte, as an expression."""
    state = state ^ byte
    for _ in range(8):
        state = (state >> 1) ^ Mux(state[0], POLYNOMIAL, 0)
    return state


class Crc32(wiring.Component):
    """Latency: ``value`` has a byte in the cycle after ``take``; one byte a cycle.

    Members
    -------
    start : ``In(1)``
        The next byte is a text's first one; before ``take``, or without it.
    byte, take : ``In``
    value : ``Out(32)``
        CRC of the bytes since ``start``.
    good : ``Out(1)``
        They end with their own CRC, little endian.
    """

    latency = 1

    def __init__(self):
        super().__init__({
            "start": In(1), "byte": In(8), "take": In(1), "value": Out(32), "good": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        state = Signal(32, init=0xFFFFFFFF)
        m.d.comb += [self.value.eq(~state), self.good.eq(self.value == RESIDUE)]
        with m.If(self.start):
            m.d.sync += state.eq(0xFFFFFFFF)
        with m.Elif(self.take):
            m.d.sync += state.eq(step(state, self.byte))
        return m
