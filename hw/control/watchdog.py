"""Ends a run in which nothing moves any more, and says which unit waits for what."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.registers import ErrorCode


class Wait(data.Struct):
    """A unit's wait and the number it waits for."""

    waits: unsigned(1)
    number: unsigned(16)


WAITS = {
    "program_read": ErrorCode.PROGRAM_WAITS_FOR_READ,
    "read": ErrorCode.LOADER_WAITS_FOR_READ,
    "output": ErrorCode.SEQUENCER_WAITS_FOR_OUTPUT,
    "compute": ErrorCode.LOADER_WAITS_FOR_COMPUTE,
    "load": ErrorCode.SEQUENCER_WAITS_FOR_LOAD,
    "store": ErrorCode.END_WAITS_FOR_STORE,
    "program": ErrorCode.PROGRAM_WAITS_FOR_READ,
}
"""What may be waited for, the likelier cause first: a silent memory before the units it starves."""

WAITS_LAYOUT = data.StructLayout(dict.fromkeys(WAITS, Wait))


class Watchdog(wiring.Component):
    """Raises ``expired`` after ``limit`` cycles without progress, never if ``limit`` is 0.

    Latency: ``expired`` rises ``limit`` + 1 cycles after the last cycle with ``progress`` (or
    without ``running``), with the first wait of :data:`WAITS` that holds as ``code`` and
    ``number``.

    Members
    -------
    limit : ``In(32)``
    running : ``In(1)``
    progress : ``In(1)``
        A beat was read or written, a write was acknowledged, a pass was run.
    waits : ``In(WAITS_LAYOUT)``
    expired : ``Out(1)``
    code : ``Out(ErrorCode)``
    number : ``Out(16)``
    """

    def __init__(self):
        super().__init__({
            "limit": In(32),
            "running": In(1),
            "progress": In(1),
            "waits": In(WAITS_LAYOUT),
            "expired": Out(1),
            "code": Out(8),
            "number": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        left = Signal(32)
        with m.If(self.progress | ~self.running):
            m.d.sync += left.eq(self.limit)
        with m.Elif(left.any()):
            m.d.sync += left.eq(left - 1)
        m.d.comb += self.expired.eq(self.running & self.limit.any() & ~left.any())

        def report(names: list[str]):
            # The last code, if none of the waits holds: the program ended without an END.
            with m.If(self.waits[names[0]].waits if len(names) > 1 else 1):
                m.d.sync += [
                    self.code.eq(WAITS[names[0]]),
                    self.number.eq(self.waits[names[0]].number),
                ]
            if len(names) > 1:
                with m.Else():
                    report(names[1:])

        report(list(WAITS))
        return m
