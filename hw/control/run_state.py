"""Starts a run, ends it, and cleans up after one that ended early."""

from amaranth.hdl import Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.registers import ErrorCode

FLUSH_CYCLES = 64
"""More than a sum takes from its pass to its threshold search: no reset reaches the array."""


class Fault(data.Struct):
    """Why a run ended early: an :class:`ErrorCode` and a number that belongs to it."""

    code: unsigned(8)
    number: unsigned(16)


class Happening(data.Struct):
    """Something that ends a run early, in this cycle, and its number."""

    happens: unsigned(1)
    number: unsigned(16)


class RunState(wiring.Component):
    """Idle, running, or stopping: waiting until the memory has answered what it was asked for.

    The accelerator's core is in reset while idle, so every run starts from the same state; after a
    stop it is for :data:`FLUSH_CYCLES` before the machine counts as idle. Latency
    1 cycle from each input to ``busy``, ``reset`` and ``stop``; 2 cycles from ``start`` to ``busy``
    and from ``drained`` to ``reset``: the core sees the end of its reset through a register
    (:mod:`hw.control.reset_region`) in the cycle in which ``busy`` rises. Nothing can be asked in
    the cycle between: writes of the control port are two cycles apart.

    Members
    -------
    start : ``In(1)``
        Ignored unless idle.
    abort : ``In(1)``
        Ignored unless running; as are the next ones.
    done : ``In(1)``
    illegal, read_error, write_error : ``In(Happening)``
    expired : ``In(1)``
    late : ``In(Fault)``
        What the watchdog found, with ``expired``.
    drained : ``In(1)``
        No read or write burst is under way.
    busy : ``Out(1)``
        Running or stopping.
    stop : ``Out(1)``
        Stopping: nothing new may be asked of the memory.
    reset : ``Out(1)``
        For the core: idle, or stopping and drained.
    finished : ``Out(1)``
        Running, and done in this cycle.
    failed : ``Out(1)``
        Stopping ends in this cycle.
    fault : ``Out(Fault)``
        Why the last run ended early; code 0 if it did not.
    """

    def __init__(self):
        super().__init__({
            "start": In(1),
            "abort": In(1),
            "done": In(1),
            "illegal": In(Happening),
            "read_error": In(Happening),
            "write_error": In(Happening),
            "expired": In(1),
            "late": In(Fault),
            "drained": In(1),
            "busy": Out(1),
            "stop": Out(1),
            "reset": Out(1, init=1),
            "finished": Out(1),
            "failed": Out(1),
            "fault": Out(Fault),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        happening = {
            ErrorCode.ILLEGAL_INSTRUCTION: self.illegal,
            ErrorCode.READ_RESPONSE: self.read_error,
            ErrorCode.WRITE_RESPONSE: self.write_error,
        }
        flush = Signal(range(FLUSH_CYCLES))
        drained = Signal()
        m.d.sync += drained.eq(self.drained)
        with m.FSM():
            with m.State("IDLE"), m.If(self.start):
                m.d.sync += [self.fault.eq(0), self.reset.eq(0)]
                m.next = "START"
            with m.State("START"):
                m.d.sync += self.busy.eq(1)
                m.next = "RUN"
            with m.State("RUN"):
                with m.If(self.expired):
                    m.d.sync += self.fault.eq(self.late)
                for code, event in happening.items():
                    with m.If(event.happens):
                        m.d.sync += [self.fault.code.eq(code), self.fault.number.eq(event.number)]
                with m.If(self.abort):
                    m.d.sync += [self.fault.code.eq(ErrorCode.ABORTED), self.fault.number.eq(0)]
                stops = Signal()
                m.d.comb += stops.eq(
                    self.abort
                    | self.expired
                    | self.illegal.happens
                    | self.read_error.happens
                    | self.write_error.happens
                )
                with m.If(stops):
                    m.d.sync += self.stop.eq(1)
                    m.next = "SETTLE"
                with m.Elif(self.done):
                    m.d.comb += self.finished.eq(1)
                    m.d.sync += [self.busy.eq(0), self.reset.eq(1)]
                    m.next = "IDLE"
            with m.State("SETTLE"):  # a burst may have begun in the last cycle
                m.next = "STOP"
            with m.State("STOP"), m.If(drained):
                m.d.sync += [self.reset.eq(1), flush.eq(FLUSH_CYCLES - 1)]
                m.next = "FLUSH"
            with m.State("FLUSH"):
                m.d.sync += flush.eq(flush - 1)
                with m.If(flush == 0):
                    m.d.comb += self.failed.eq(1)
                    m.d.sync += [self.stop.eq(0), self.busy.eq(0)]
                    m.next = "IDLE"
        return m
