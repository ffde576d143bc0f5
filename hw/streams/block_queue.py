"""A long queue in block RAM."""

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from hw.memories.block_ram import LATENCY, BlockRam
from hw.streams.catch_queue import CatchQueue

AHEAD = 8
"""Payloads that may be out of the block RAM and not yet taken."""


class BlockQueue(wiring.Component):
    """Keeps up to ``depth`` payloads, and up to ``AHEAD`` more at its output.

    Latency: ``latency`` = 4 cycles from ``write`` to ``o.valid`` (count, block RAM, catch); one
    payload per cycle in and out. There is no ``ready``: whoever writes counts.

    Members
    -------
    write : ``In(1)``
    payload : ``In(shape)``
    o : ``Out(stream.Signature(shape))``
    level : ``Out(range(depth + 1))``
        Payloads in the block RAM, without those at the output.
    """

    latency = 1 + LATENCY + 1

    def __init__(self, shape, depth: int, fabric: str):
        self.shape = shape
        self.depth = depth
        self.fabric = fabric
        super().__init__({
            "write": In(1),
            "payload": In(shape),
            "o": Out(stream.Signature(shape)),
            "level": Out(range(depth + 1)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.words = words = BlockRam(self.depth, Shape.cast(self.shape).width, self.fabric)
        m.submodules.caught = caught = CatchQueue(self.shape, LATENCY, AHEAD)
        some = Signal()  # level is not 0
        fetch = Signal()
        m.d.comb += [
            words.write_data.eq(self.payload),
            words.write_enable.eq(self.write),
            fetch.eq(some & caught.ready),
            caught.ask.eq(fetch),
            caught.payload.eq(words.read_data),
        ]
        connect(m, caught.o, flipped(self.o))
        with m.If(self.write):
            m.d.sync += words.write_address.eq(words.write_address + 1)
        with m.If(fetch):
            m.d.sync += words.read_address.eq(words.read_address + 1)
        with m.If(self.write & ~fetch):
            m.d.sync += [self.level.eq(self.level + 1), some.eq(1)]
        with m.Elif(fetch & ~self.write):
            m.d.sync += [self.level.eq(self.level - 1), some.eq(self.level != 1)]
        return m
