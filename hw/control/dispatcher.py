"""Sends instructions to the loader's and the sequencer's queues, and sees the program end."""

from amaranth.hdl import Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.isa import CHUNK_BYTES, INSTRUCTION_BITS, Compute, Load, Opcode
from arch.machine import Machine
from hw.streams.queue import Queue


class Dispatcher(wiring.Component):
    """Puts a LOAD_PROGRAM of the first chunk into the queue of loads, then each instruction into
    its own.

    Timing: the first LOAD_PROGRAM enters its queue in the first cycle after reset. An instruction
    enters its queue in the cycle in which it is valid, if there is room (at most ``queue_depth``
    wait), and is at the queue's end 2 cycles later, if that was empty. ``done`` rises 1 cycle after
    END is taken or after the last load, compute and store are counted, whichever is later.

    Members
    -------
    instructions : ``In(stream.Signature(256))``
    program : ``In(32)``
        Byte address of the first chunk.
    loads : ``Out(stream.Signature(Load))``
    computes : ``Out(stream.Signature(Compute))``
    loaded, computed, stored : ``In(16)``
        Loads and computes that are complete, and computes for memory that are stored.
    done : ``Out(1)``
        END was taken and everything before it is complete.
    ending : ``Out(1)``
        END was taken.
    illegal : ``Out(1)``
        An instruction with an unknown opcode stands first; nothing follows it.
    dispatched : ``Out(16)``
        Instructions dispatched: the number of the instruction that is illegal.
    for_memory : ``Out(16)``
        Computes among them that write to memory: what END waits for ``stored`` to be.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        super().__init__({
            "instructions": In(stream.Signature(INSTRUCTION_BITS)),
            "program": In(32),
            "loads": Out(stream.Signature(Load)),
            "computes": Out(stream.Signature(Compute)),
            "loaded": In(16),
            "computed": In(16),
            "stored": In(16),
            "done": Out(1),
            "ending": Out(1),
            "illegal": Out(1),
            "dispatched": Out(16),
            "for_memory": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.loads = loads = Queue(Load, self.machine.queue_depth)
        m.submodules.computes = computes = Queue(Compute, self.machine.queue_depth)
        connect(m, loads.o, flipped(self.loads))
        connect(m, computes.o, flipped(self.computes))

        boot = Signal(Load)
        m.d.comb += [
            boot.opcode.eq(Opcode.LOAD_PROGRAM),
            boot.address.eq(self.program),
            boot.rows.eq(1),
            boot.beats.eq(CHUNK_BYTES // self.machine.beat_bytes),
        ]

        instruction = self.instructions
        opcode = Signal(Opcode)
        m.d.comb += [
            opcode.eq(instruction.payload),
            loads.i.payload.eq(instruction.payload),
            computes.i.payload.eq(instruction.payload),
        ]
        loads_dispatched = Signal(16)
        all_loaded = Signal()
        all_computed = Signal()
        all_stored = Signal()
        # A machine whose results all go to memory has computed what it has stored.
        on_chip, for_chip = Signal(), Signal(16)
        m.d.sync += [
            all_loaded.eq(loads_dispatched == self.loaded),
            all_computed.eq(1),
            all_stored.eq(self.for_memory == self.stored),
        ]
        if self.machine.keeps_results:
            m.d.comb += on_chip.eq(data.View(Compute, instruction.payload).on_chip)
            m.d.sync += all_computed.eq((self.for_memory + for_chip)[:16] == self.computed)
        with m.FSM():
            with m.State("BOOT"):
                m.d.comb += [loads.i.payload.eq(boot), loads.i.valid.eq(1)]
                m.next = "INSTRUCTIONS"
            with m.State("INSTRUCTIONS"):
                with m.If(instruction.valid), m.Switch(opcode):
                    with m.Case(*(opcode for opcode in Opcode if opcode.is_load)):
                        m.d.comb += [
                            loads.i.valid.eq(1),
                            instruction.ready.eq(loads.i.ready),
                        ]
                        m.d.sync += loads_dispatched.eq(loads_dispatched + loads.i.ready)
                    with m.Case(Opcode.COMPUTE):
                        m.d.comb += [
                            computes.i.valid.eq(1),
                            instruction.ready.eq(computes.i.ready),
                        ]
                        with m.If(on_chip):
                            m.d.sync += for_chip.eq(for_chip + computes.i.ready)
                        with m.Else():
                            m.d.sync += self.for_memory.eq(self.for_memory + computes.i.ready)
                    with m.Case(Opcode.END):
                        m.d.comb += instruction.ready.eq(1)
                        m.next = "END"
                    with m.Default():
                        m.d.comb += self.illegal.eq(1)
                m.d.sync += self.dispatched.eq(self.dispatched + instruction.ready)
            with m.State("END"):
                m.d.comb += [
                    self.ending.eq(1),
                    self.done.eq(all_loaded & all_computed & all_stored),
                ]
        return m
