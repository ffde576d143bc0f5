"""Holds two chunks of the program and hands out its instructions in order."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from arch.isa import CHUNK_BYTES, INSTRUCTION_BITS
from arch.machine import Machine
from hw.load.unit_writer import program_write

CHUNKS = 2


class InstructionMemory(wiring.Component):
    """A ring of two chunks: chunk n is written to half n mod 2, instructions are read in order.

    The program must not ask for chunk n + 1 before the last instruction of chunk n - 1 is
    dispatched, that is, LOAD_PROGRAM for chunk n + 1 stands in chunk n.

    Timing, with W = 256 / axi_data_bits beats per instruction: ``latency`` = W + 1 cycles from the
    cycle after ``chunk.done``, in which the chunk counts as written, to the first instruction; then
    one instruction every ``interval`` = W + 2 cycles, if each is taken at once.

    Members
    -------
    chunk : ``In(program_write)``
    instructions : ``Out(stream.Signature(256))``
    empty : ``Out(1)``
        The next instruction is not there yet.
    chunks : ``Out(16)``
        Chunks written since reset.
    """

    def __init__(self, machine: Machine):
        self.machine = machine
        self.beats = INSTRUCTION_BITS // machine.axi_data_bits
        self.latency = self.beats + 1
        self.interval = self.beats + 2
        super().__init__({
            "chunk": In(program_write(machine)),
            "instructions": Out(stream.Signature(INSTRUCTION_BITS)),
            "empty": Out(1),
            "chunks": Out(16),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        width = self.machine.axi_data_bits
        chunk_beats = CHUNK_BYTES // self.machine.beat_bytes
        m.submodules.ring = ring = memory.Memory(shape=width, depth=CHUNKS * chunk_beats, init=[])
        write, read = ring.write_port(), ring.read_port()

        m.d.comb += [
            write.addr.eq(Cat(self.chunk.word, self.chunks[0])),
            write.data.eq(self.chunk.data),
            write.en.eq(self.chunk.valid),
        ]
        with m.If(self.chunk.done):
            m.d.sync += self.chunks.eq(self.chunks + 1)

        # The beat to be read next; its uppermost bits count chunks modulo 4.
        at = Signal(len(write.addr) + 1)
        arrives = Signal()
        payload = Signal(INSTRUCTION_BITS, reset_less=True)
        m.d.comb += [
            self.empty.eq(at[-2:] == self.chunks[:2]),
            read.addr.eq(at),
        ]
        m.d.sync += arrives.eq(0)
        with m.If(arrives):
            m.d.sync += payload.eq(Cat(payload[width:], read.data))
        m.d.comb += self.instructions.payload.eq(payload)
        with m.FSM():
            with m.State("FETCH"), m.If(~self.empty):
                m.d.sync += [at.eq(at + 1), arrives.eq(1)]
                with m.If(at[: (self.beats - 1).bit_length()].all()):
                    m.next = "ARRIVAL"
            with m.State("ARRIVAL"):
                m.next = "INSTRUCTION"
            with m.State("INSTRUCTION"):
                m.d.comb += self.instructions.valid.eq(1)
                with m.If(self.instructions.ready):
                    m.next = "FETCH"
        return m
