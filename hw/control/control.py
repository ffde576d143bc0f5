"""The registers that software sees: an AXI4-Lite subordinate, counters and an interrupt."""

from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import ISA_VERSION, Machine
from arch.registers import IDENTIFIER, WATCHDOG_DEFAULT, Register
from hw.control.counters import Counters
from hw.control.run_state import Fault
from hw.streams import axi

EVENTS = {
    "passes": Register.PASSES,
    "stall_load": Register.STALL_LOAD,
    "stall_output": Register.STALL_OUTPUT,
    "stall_drain": Register.STALL_DRAIN,
    "loader_wait": Register.LOADER_WAIT,
    "loads": Register.LOADS,
    "computed": Register.COMPUTED,
    "stored": Register.STORED,
    "read_beats": Register.READ_BEATS,
    "write_beats": Register.WRITE_BEATS,
}
"""What is counted, at most one per cycle, and the register that shows it."""

COUNTERS = (Register.CYCLES, *EVENTS.values())
"""Their addresses follow each other."""

TOGGLES = ("loads", "computed", "stored")
"""Events given as a counter's lowest bit, of which changes are counted; 0 at the start of a run."""


class Control(wiring.Component):
    """Serves the registers of :mod:`arch.registers`.

    Timing: a write is taken when address and data are both there and acts in that cycle (``start``,
    ``abort``) or the next; a read answers in the cycle after the next, a
    counter's when it is its turn (:class:`hw.control.counters.Counters`), up to 12 cycles later.
    Reads and writes are taken one at a time each. Counters show an event 3 cycles after it. An
    address without a register reads 0. Bytes without a write strobe keep their value, or do
    nothing.

    Members
    -------
    axil : ``In(axi.lite_signature())``
    start : ``Out(1)``
        Not given while busy.
    abort : ``Out(1)``
    program : ``Out(32)``
    watchdog : ``Out(32)``
    busy, stop, finished, failed, fault : ``In``
        See :class:`hw.control.run_state.RunState`.
    events : ``In(StructLayout({name: 1 for name in EVENTS}))``
    irq : ``Out(1)``
        High while an enabled bit of IRQ_STATUS is set.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "axil": In(axi.lite_signature()),
            "start": Out(1),
            "abort": Out(1),
            "program": Out(32),
            "watchdog": Out(32, init=WATCHDOG_DEFAULT),
            "busy": In(1),
            "stop": In(1),
            "finished": In(1),
            "failed": In(1),
            "fault": In(Fault),
            "events": In(data.StructLayout(dict.fromkeys(EVENTS, 1))),
            "irq": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine, axil = self.machine, self.axil
        done = Signal()
        error = Signal()
        irq_enable = Signal(2)
        irq_status = Signal(2)
        values = {
            Register.ID: IDENTIFIER,
            Register.VERSION: ISA_VERSION,
            Register.CONFIG0: machine.rows
            | machine.columns << 8
            | machine.lanes << 16
            | machine.beat_bytes << 24,
            Register.CONFIG1: machine.activation_words | machine.weight_words << 16,
            Register.CONFIG2: machine.table_entries
            | machine.accumulator_bits << 16
            | machine.signs << 24,
            Register.STATUS: Cat(self.busy, done, error, self.stop),
            Register.ERROR: Cat(self.fault.code, Const(0, 8), self.fault.number),
            Register.PROGRAM: self.program,
            Register.IRQ_ENABLE: irq_enable,
            Register.IRQ_STATUS: irq_status,
            Register.WATCHDOG: self.watchdog,
        }

        # Counters.
        m.submodules.counters = counters = Counters(len(COUNTERS))
        last = Signal.like(self.events)
        event = Signal.like(self.events)
        m.d.sync += last.eq(Mux(self.busy, self.events.as_value(), 0))
        for name in EVENTS:
            now = self.events[name] ^ last[name] if name in TOGGLES else self.events[name]
            m.d.sync += event[name].eq(now & self.busy)
        m.d.comb += [
            counters.events.eq(Cat(self.busy, (event[name] for name in EVENTS))),
            counters.clear.eq(self.start),
        ]
        with m.If(self.start):
            m.d.sync += [done.eq(0), error.eq(0)]

        # Reads: those of a counter wait for its turn.
        asked, address = Signal(), Signal(len(axil.ar.payload) - 2)
        m.d.comb += axil.ar.ready.eq(~asked & ~axil.r.valid)
        with m.If(axil.ar.valid & axil.ar.ready):
            m.d.sync += [asked.eq(1), address.eq(axil.ar.payload[2:])]
        first, last_one = COUNTERS[0] >> 2, COUNTERS[-1] >> 2
        counter_asked = (address >= first) & (address <= last_one)
        its_turn = address == counters.number + first
        selected = [Mux(address == register >> 2, value, 0) for register, value in values.items()]
        selected.append(Mux(its_turn, counters.value, 0))
        with m.If(asked & (its_turn | ~counter_asked)):
            m.d.sync += [
                asked.eq(0),
                axil.r.valid.eq(1),
                axil.r.payload.data.eq(reduce(or_, selected)),
            ]
        with m.Elif(axil.r.ready):
            m.d.sync += axil.r.valid.eq(0)

        # Writes.
        taken = Signal()
        mask = Cat(bit.replicate(8) for bit in axil.w.payload.strobe)
        written = axil.w.payload.data & mask
        m.d.comb += [
            taken.eq(axil.aw.valid & axil.w.valid & ~axil.b.valid),
            axil.aw.ready.eq(taken),
            axil.w.ready.eq(taken),
        ]
        with m.If(axil.b.ready):
            m.d.sync += axil.b.valid.eq(0)
        with m.If(taken):
            m.d.sync += axil.b.valid.eq(1)
            with m.Switch(axil.aw.payload[2:]):
                for register, target in (
                    (Register.PROGRAM, self.program),
                    (Register.IRQ_ENABLE, irq_enable),
                    (Register.WATCHDOG, self.watchdog),
                ):
                    with m.Case(register >> 2):
                        m.d.sync += target.eq(target & ~mask | written)
                with m.Case(Register.IRQ_STATUS >> 2):
                    m.d.sync += irq_status.eq(irq_status & ~written)
                with m.Case(Register.CONTROL >> 2):
                    m.d.comb += [
                        self.start.eq(written[0] & ~self.busy),
                        self.abort.eq(written[1]),
                    ]

        # The end of a run; it wins over clearing its interrupt in the same cycle.
        with m.If(self.finished):
            m.d.sync += [done.eq(1), irq_status[0].eq(1)]
        with m.If(self.failed):
            m.d.sync += [error.eq(1), irq_status[1].eq(1)]
        m.d.sync += self.irq.eq((irq_status & irq_enable).any())
        return m
