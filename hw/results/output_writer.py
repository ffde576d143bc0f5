"""From pieces of codes or sums to write bursts, or to words for the activation memory."""

from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.isa import SUM_PIECES_BITS
from arch.machine import Machine
from hw.results.axi_write import OUTSTANDING, AxiWrite
from hw.results.capture import placement_layout
from hw.results.chip_writer import ChipWriter, chip_words_layout
from hw.results.output_positions import Positions
from hw.results.running_maximum import piece_layout
from hw.results.write_combiner import WriteCombiner
from hw.streams.axi import WriteBurst, write_signature


class OutputWriter(wiring.Component):
    """Instances and wires: Positions, WriteCombiner, AxiWrite, and ChipWriter.

    Latency: ``latency`` = 5 cycles from the last piece of a compute to ``computed``, 4 to
    ``settled``; its words are at ``chip`` 3 cycles after that. One piece per cycle; nothing here
    ever waits except the write channel, and words for the chip for a cycle.

    Members
    -------
    pieces : ``In(piece_layout)``
    placements : ``In(stream.Signature(placement_layout))``
    axi : ``Out(write_signature of WriteBurst)``
    chip : ``Out(stream.Signature(chip_words_layout))``
    settled : ``Out(1)``
        As in :class:`hw.results.write_combiner.WriteCombiner`.
    released : ``Out({valid, pieces})``, buffered : ``Out(range(output_beats + 1))``
        For the sequencer's account of the output buffer.
    computed, stored : ``Out(16)``
    outstanding : ``Out(range(OUTSTANDING + 1))``
    stop : ``In(1)``, idle, sent, error : ``Out(1)``
        As in :class:`hw.results.axi_write.AxiWrite`.
    """

    latency = Positions.latency + WriteCombiner.latency + 1

    def __init__(self, machine: Machine, fabric: str):
        self.machine = machine
        self.fabric = fabric
        super().__init__({
            "pieces": In(piece_layout(machine)),
            "placements": In(stream.Signature(placement_layout(machine))),
            "stop": In(1),
            "axi": Out(write_signature(machine.axi_data_bits, WriteBurst)),
            "chip": Out(stream.Signature(chip_words_layout(machine))),
            "settled": Out(1),
            "released": Out(data.StructLayout({"valid": 1, "pieces": SUM_PIECES_BITS})),
            "buffered": Out(range(machine.output_beats + 1)),
            "computed": Out(16),
            "stored": Out(16),
            "outstanding": Out(range(OUTSTANDING + 1)),
            "idle": Out(1),
            "sent": Out(1),
            "error": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        m.submodules.positions = positions = Positions(self.machine)
        m.submodules.combiner = combiner = WriteCombiner(self.machine)
        m.submodules.axi_write = axi_write = AxiWrite(self.machine, self.fabric)
        connect(m, flipped(self.placements), positions.placements)
        connect(m, axi_write.axi, flipped(self.axi))
        m.d.comb += [
            positions.pieces.eq(self.pieces),
            combiner.placed.eq(positions.placed),
            axi_write.combined.eq(combiner.combined),
            self.released.eq(combiner.released),
            self.settled.eq(combiner.settled),
            self.buffered.eq(axi_write.buffered),
            self.computed.eq(combiner.computed),
            self.stored.eq(axi_write.stored),
            self.outstanding.eq(axi_write.outstanding),
            axi_write.stop.eq(self.stop),
            self.idle.eq(axi_write.idle),
            self.sent.eq(axi_write.sent),
            self.error.eq(axi_write.error),
        ]
        if self.machine.keeps_results:
            m.submodules.chip_writer = chip_writer = ChipWriter(self.machine)
            connect(m, chip_writer.o, flipped(self.chip))
            m.d.comb += chip_writer.i.eq(combiner.chip)
        return m
