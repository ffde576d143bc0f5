"""A serial line: eight bits, no parity, one stop bit, at any rate below a quarter of the clock."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.cdc import FFSynchronizer
from amaranth.lib.wiring import In, Out

STEP_BITS = 16


class Uart(wiring.Component):
    """Bits are timed by an accumulator: right to a cycle, with no error that adds up over a byte.

    Latency: a byte is at ``received`` 9.5 bits after its start bit; one byte in ten bits each way.
    Bytes whose stop bit is 0 are dropped.

    Parameters
    ----------
    baud, clock_hz : float
        Raises ValueError where a bit has fewer than four cycles.

    Members
    -------
    rx : ``In(1)``
        From a pad, in any phase.
    tx : ``Out(1)``
        From a register.
    received : ``Out(8)``, received_valid : ``Out(1)``
        Valid for one cycle: there is no way to hold the host back.
    send : ``In(stream.Signature(8))``
    """

    def __init__(self, baud: float, clock_hz: float):
        if not 0 < baud * 4 <= clock_hz:
            raise ValueError(f"a serial line of {baud:g} baud needs a clock of {4 * baud:g} Hz")
        self.step = round(baud / clock_hz * (1 << STEP_BITS))
        super().__init__({
            "rx": In(1),
            "tx": Out(1, init=1),
            "received": Out(8),
            "received_valid": Out(1),
            "send": In(stream.Signature(8)),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        line = Signal(init=1)
        m.submodules.cross = FFSynchronizer(self.rx, line, init=1)

        # Receiving: phase 0 is the middle of a bit.
        phase, tick = Signal(STEP_BITS), Signal()
        left, shift = Signal(range(11)), Signal(8)
        advanced = Signal(STEP_BITS + 1)
        m.d.comb += [advanced.eq(phase + self.step), tick.eq(advanced[-1] & (left != 0))]
        m.d.sync += self.received_valid.eq(0)
        with m.If(left == 0):
            # Half a bit to the middle of the start bit, less the cycle that this takes.
            m.d.sync += phase.eq((1 << (STEP_BITS - 1)) + self.step)
            with m.If(~line):
                m.d.sync += left.eq(10)
        with m.Else():
            m.d.sync += phase.eq(advanced)
        with m.If(tick):
            m.d.sync += [left.eq(left - 1), shift.eq(Cat(shift[1:], line))]
            with m.If((left == 10) & line):  # no start bit after all
                m.d.sync += left.eq(0)
            with m.If(left == 1):
                m.d.sync += [self.received.eq(shift), self.received_valid.eq(line)]

        # Sending.
        out_phase, out_left, out = Signal(STEP_BITS), Signal(range(11)), Signal(9)
        out_advanced = Signal(STEP_BITS + 1)
        m.d.comb += [
            out_advanced.eq(out_phase + self.step),
            self.send.ready.eq(out_left == 0),
        ]
        with m.If(out_left == 0):
            m.d.sync += [out_phase.eq(0), self.tx.eq(1)]
            with m.If(self.send.valid):
                m.d.sync += [out.eq(Cat(self.send.payload, 1)), out_left.eq(10), self.tx.eq(0)]
        with m.Else():
            m.d.sync += out_phase.eq(out_advanced)
            with m.If(out_advanced[-1]):
                m.d.sync += [out_left.eq(out_left - 1), out.eq(Cat(out[1:], 1)), self.tx.eq(out[0])]
        return m
