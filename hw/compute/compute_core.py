"""The compute side: from COMPUTEs to write bursts."""

from collections.abc import Callable

from amaranth.hdl import Elaboratable, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from arch.errors import ConfigurationError
from arch.formats import LEAST_SIGN_CYCLES
from arch.isa import Compute
from arch.machine import Machine
from hw.array.array import Array
from hw.compute.aligned_read import AlignedRead
from hw.compute.sequencer import Sequencer
from hw.load.unit_writer import table_write, threshold_write
from hw.memories.activation_memory import ActivationMemory, activation_write
from hw.memories.pass_table import PassTable
from hw.memories.weight_memory import WeightMemory, weight_write
from hw.results.axi_write import OUTSTANDING
from hw.results.capture import TAG_DEPTH
from hw.results.chip_writer import chip_words_layout
from hw.results.code_tables import code_write
from hw.results.output_writer import OutputWriter
from hw.results.result_tags import ResultTags
from hw.results.running_maximum import RunningMaximum
from hw.results.threshold_search import ThresholdSearch
from hw.results.wide_codes import WideCodes
from hw.streams.axi import WriteBurst, write_signature
from hw.streams.delay import delayed


class ComputeCore(wiring.Component):
    """Instances and wires: docs/machine.md, sections 4 and 5.

        Sequencer (PassTable) -> AlignedRead (ActivationMemory, WeightMemory) -> Array
        -> ThresholdSearch -> RunningMaximum -> OutputWriter, with ResultTags beside the sums

    and WideCodes beside ThresholdSearch and RunningMaximum where the machine has wide codes.

    Timing: passes are issued as :class:`hw.compute.sequencer.Sequencer` says. Column c of a capture
    issued in t is in the sums in t + ``sums_latency`` + c, and its codes are at the output writer
    in t + ``codes_latency`` + c; of a raw capture of p cycles chunk k of it is, with c * p + k for
    c. The compute whose last capture it is has been counted in ``computed`` in t +
    ``computed_latency`` + C - 1 (raw: + C * p - 1). Wide codes stay ``wide_cycles`` a column and
    leave when :class:`hw.results.wide_codes.WideCodes` says.

    Members
    -------
    computes : ``In(stream.Signature(Compute))``
    loads : ``In(16)``
        Loads complete.
    stop : ``In(1)``
        No new write burst is begun; those begun are finished.
    table_write, threshold_write, code_write, weight_write : ``In``
    activation_writes : ``In [columns]``
        As the memories have them.
    chip : ``Out(stream.Signature(chip_words_layout))``
        Results for the activation memory. Whoever has its port takes them within a cycle, and
        brings them to ``activation_writes`` in 2 more.
    axi : ``Out(write_signature of WriteBurst)``
    computed, stored : ``Out(16)``
        Computes whose results are in the output buffer or on their way to the activation memory;
        and those for memory, which has acknowledged them.
    busy : ``Out(1)``
        Some compute has been seen and is not done.
    pass_valid, waiting_load, waiting_output, waiting_drain : ``Out(1)``
        What the sequencer does in this cycle.
    awaited : ``Out(16)``
        The number of loads that the next compute waits for.
    outstanding : ``Out(range(OUTSTANDING + 1))``, writes_idle : ``Out(1)``
        Bursts not acknowledged; no burst is begun or under way.
    write_beat, write_error : ``Out(1)``
        For one cycle each: memory took a beat; memory answered with an error.
    progress : ``Out(1)``
        Something moved: a pass was issued, or a beat or an acknowledgement went over the port.
    """

    def __init__(
        self,
        machine: Machine,
        fabric: str = "generic",
        results: Callable[[Elaboratable], Elaboratable] = lambda component: component,
    ):
        """Puts what handles results into its clock domain by ``results``."""
        self.machine = machine
        self._results = results
        self._array = Array(machine, fabric)
        self._aligned_read = AlignedRead(machine, fabric)
        self._fabric = fabric
        self.sums_latency = self._aligned_read.latency + self._array.latency
        self.codes_latency = self.sums_latency + ThresholdSearch.latency + RunningMaximum.latency
        self.computed_latency = self.codes_latency + OutputWriter.latency
        super().__init__({
            "computes": In(stream.Signature(Compute)),
            "loads": In(16),
            "stop": In(1),
            "table_write": In(table_write(machine)),
            "threshold_write": In(threshold_write(machine)),
            "code_write": In(code_write()),
            "weight_write": In(weight_write(machine)),
            "activation_writes": In(data.ArrayLayout(activation_write(machine), machine.columns)),
            "chip": Out(stream.Signature(chip_words_layout(machine))),
            "axi": Out(write_signature(machine.axi_data_bits, WriteBurst)),
            "computed": Out(16),
            "stored": Out(16),
            "busy": Out(1),
            "pass_valid": Out(1),
            "waiting_load": Out(1),
            "waiting_output": Out(1),
            "waiting_drain": Out(1),
            "awaited": Out(16),
            "outstanding": Out(range(OUTSTANDING + 1)),
            "writes_idle": Out(1),
            "write_beat": Out(1),
            "write_error": Out(1),
            "progress": Out(1),
        })  # fmt: skip

    def elaborate(self, platform):
        machine = self.machine
        shortest = LEAST_SIGN_CYCLES if machine.signs else machine.columns
        under_way = -(-self.computed_latency // shortest) + 1
        if under_way > TAG_DEPTH:
            raise ConfigurationError(
                f"machine {machine.name!r}: {under_way} captures may be under way, but there are "
                f"{TAG_DEPTH} places for their tags: columns must be more than {machine.columns}"
            )
        m = Module()
        m.submodules.sequencer = sequencer = Sequencer(machine)
        m.submodules.pass_table = pass_table = PassTable(machine, self._fabric)
        m.submodules.aligned_read = aligned_read = self._aligned_read
        m.submodules.activation_memory = activations = ActivationMemory(machine, self._fabric)
        m.submodules.weight_memory = weights = WeightMemory(machine, self._fabric)
        m.submodules.array = array = self._array
        result_tags = ResultTags(machine)
        search = ThresholdSearch(machine, self._fabric)
        maximum = RunningMaximum(machine)
        writer = OutputWriter(machine, self._fabric)
        m.submodules.result_tags = self._results(result_tags)
        m.submodules.search = self._results(search)
        m.submodules.maximum = self._results(maximum)
        m.submodules.writer = self._results(writer)

        # Passes.
        connect(m, flipped(self.computes), sequencer.computes)
        connect(m, sequencer.placements, writer.placements)
        m.d.comb += [
            sequencer.loads.eq(self.loads),
            sequencer.released.eq(writer.released),
            sequencer.settled.eq(writer.settled),
            sequencer.buffered.eq(writer.buffered),
            pass_table.write.eq(self.table_write),
            pass_table.address.eq(sequencer.table_address),
            sequencer.entry.eq(pass_table.entry),
            aligned_read.step.eq(sequencer.step),
        ]

        # Operands.
        m.d.comb += [
            activations.writes.eq(self.activation_writes),
            activations.addresses.eq(aligned_read.addresses),
            aligned_read.words.eq(activations.words),
            weights.write.eq(self.weight_write),
            weights.addresses.eq(aligned_read.weight_addresses),
            aligned_read.weights.eq(weights.rows),
            array.passes.eq(aligned_read.passes),
        ]

        # Tags are early by as many cycles as the array takes: one on the way there costs none.
        tags = sequencer.tags
        m.d.comb += [
            tags.ready.eq(1),
            result_tags.tags.valid.eq(delayed(m, tags.valid, 1, "tag_valid")),
            result_tags.tags.payload.eq(delayed(m, tags.payload, 1, "tag", reset_less=True)),
        ]

        # Results. The tag and the place of a piece travel beside the search.
        tag = result_tags.tag
        piece = Signal(maximum.i.shape())
        m.d.comb += [
            result_tags.valid.eq(array.sums.valid),
            search.write.eq(self.threshold_write),
            search.sums.eq(array.sums.sums),
            search.ones_sum.eq(array.sums.ones_sum),
            search.add_ones.eq(tag.add_ones),
            search.threshold_set.eq(tag.threshold_set),
            search.code_bits.eq(tag.code_bits),
            search.raw.eq(tag.raw),
            search.chunk.eq(result_tags.chunk),
            search.together.eq(tag.together if machine.pieces_together > 1 else 0),
            piece.valid.eq(array.sums.valid),
            piece.column.eq(result_tags.column),
            piece.pools.eq(~tag.pool_first & ~tag.raw),
            piece.starts.eq(result_tags.chunk == 0),
            piece.leaves.eq(tag.pool_last),
            piece.pieces.eq(tag.sum_pieces),
            piece.ends.eq(result_tags.ends),
            piece.last.eq(result_tags.ends & tag.last),
        ]
        # Its `codes` arrive later: those of the search.
        m.d.comb += [
            maximum.i.eq(delayed(m, piece, search.latency, "piece", reset_less=True)),
            maximum.i.valid.eq(delayed(m, piece.valid, search.latency, "piece_valid")),
            maximum.i.codes.eq(search.codes),
            writer.pieces.eq(maximum.o),
        ]
        if machine.wide_rows:
            m.submodules.wide = wide = WideCodes(machine, self._fabric)
            m.d.comb += [
                wide.write.eq(self.threshold_write),
                wide.codes.eq(self.code_write),
                wide.valid.eq(array.sums.valid & tag.wide),
                wide.sums.eq(array.sums.sums),
                wide.ones_sum.eq(array.sums.ones_sum),
                wide.tag.eq(tag),
                wide.column.eq(result_tags.column),
                wide.cycle.eq(result_tags.chunk),
                wide.ends.eq(result_tags.ends),
                piece.valid.eq(array.sums.valid & ~tag.wide),
                # The sequencer keeps the two apart, and in their order.
                writer.pieces.eq(Mux(wide.pieces.valid, wide.pieces, maximum.o)),
            ]

        # Results that leave.
        connect(m, writer.axi, flipped(self.axi))
        connect(m, writer.chip, flipped(self.chip))
        m.d.comb += [
            self.computed.eq(writer.computed),
            self.stored.eq(writer.stored),
            writer.stop.eq(self.stop),
            self.outstanding.eq(writer.outstanding),
            self.writes_idle.eq(writer.idle),
            self.write_beat.eq(writer.sent),
            self.write_error.eq(writer.error),
        ]

        # Status.
        # Computes that have been taken, those for the chip and those for memory.
        taken = Signal(16, name="for_chip"), Signal(16, name="for_memory")
        on_chip = self.computes.payload.on_chip & int(machine.keeps_results)
        with m.If(self.computes.valid & self.computes.ready):
            m.d.sync += [
                taken[0].eq(taken[0] + on_chip),
                taken[1].eq(taken[1] + ~on_chip[0]),
            ]
        m.d.sync += self.busy.eq(
            self.computes.valid
            | (taken[1] != self.stored)
            | ((taken[0] + taken[1])[:16] != self.computed)
        )
        m.d.comb += [
            self.pass_valid.eq(sequencer.step.valid),
            self.waiting_load.eq(sequencer.waiting_load),
            self.awaited.eq(self.computes.payload.after_load),
            self.waiting_output.eq(sequencer.waiting_output),
            self.waiting_drain.eq(sequencer.waiting_drain),
            self.progress.eq(
                sequencer.step.valid | self.write_beat | (self.axi.b.valid & self.axi.b.ready)
            ),
        ]
        return m
