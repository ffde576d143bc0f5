"""The accelerator: its components and the wires between them."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out, connect

from arch.machine import Machine
from hw.compute.compute_core import ComputeCore
from hw.control.control import Control
from hw.control.dispatcher import Dispatcher
from hw.control.instruction_memory import InstructionMemory
from hw.control.reset_region import reset_region
from hw.control.run_state import RunState
from hw.control.watchdog import Watchdog
from hw.load.loader import Loader
from hw.load.read_port import ReadPort
from hw.streams import axi
from hw.streams.axi_pins import connect_pins, pins


class Accelerator(wiring.Component):
    """A machine with an AXI4 memory port (manager) and an AXI4-Lite control port (subordinate).

    Members
    -------
    m_axi_araddr, ... : AXI4 without identifiers, as a manager
    s_axil_awaddr, ... : AXI4-Lite, as a subordinate
        Its registers are those of :mod:`arch.registers`.
    irq : ``Out(1)``
    """

    def __init__(self, machine: Machine, fabric: str = "generic"):
        self.machine = machine
        self.fabric = fabric
        super().__init__(
            pins("m_axi_", axi.read_signature(machine.axi_data_bits))
            | pins("m_axi_", axi.write_signature(machine.axi_data_bits, axi.WriteBurst))
            | pins("s_axil_", axi.lite_signature().flip())
            | {"irq": Out(1)}
        )

    def elaborate(self, platform):
        m = Module()
        m.submodules.run = run = RunState()
        m.submodules.control = control = Control(self.machine)
        m.submodules.watchdog = watchdog = Watchdog()

        # Everything below starts anew with every run.
        loads, passes, results = (
            reset_region(m, name, run.reset, self.fabric) for name in ("loads", "passes", "results")
        )
        port, loader = ReadPort(self.machine), Loader(self.machine, self.fabric)
        program, dispatcher = InstructionMemory(self.machine), Dispatcher(self.machine)
        compute = ComputeCore(self.machine, self.fabric, results=results)
        m.submodules.read_port = loads(port)
        m.submodules.loader = loads(loader)
        m.submodules.program = loads(program)
        m.submodules.dispatcher = loads(dispatcher)
        m.submodules.compute = passes(compute)

        # Instructions.
        connect(m, program.instructions, dispatcher.instructions)
        connect(m, dispatcher.loads, loader.loads)
        connect(m, dispatcher.computes, compute.computes)
        m.d.comb += [
            dispatcher.program.eq(control.program),
            program.chunk.eq(loader.program),
        ]

        # Who waits for whom.
        m.d.comb += [
            compute.loads.eq(loader.loaded),
            loader.computed.eq(compute.computed),
            loader.stored.eq(compute.stored),
            dispatcher.loaded.eq(loader.loaded),
            dispatcher.computed.eq(compute.computed),
            dispatcher.stored.eq(compute.stored),
        ]

        # From memory to the on-chip memories.
        connect(m, loader.requests, port.requests)
        connect(m, port.beats, loader.beats)
        connect(m, compute.chip, loader.results)
        m.d.comb += [
            compute.activation_writes.eq(loader.banks),
            compute.weight_write.eq(loader.weights),
            compute.threshold_write.eq(loader.thresholds),
            compute.table_write.eq(loader.table),
        ]

        # The course of a run.
        m.d.comb += [
            run.start.eq(control.start),
            run.abort.eq(control.abort),
            run.done.eq(dispatcher.done),
            run.illegal.happens.eq(dispatcher.illegal),
            run.illegal.number.eq(dispatcher.dispatched),
            run.read_error.happens.eq(port.error),
            run.read_error.number.eq(loader.receiving),
            run.write_error.happens.eq(compute.write_error),
            run.write_error.number.eq(compute.stored),
            run.expired.eq(watchdog.expired),
            run.late.code.eq(watchdog.code),
            run.late.number.eq(watchdog.number),
            run.drained.eq(port.idle & compute.writes_idle),
            port.stop.eq(run.stop),
            compute.stop.eq(run.stop),
            control.busy.eq(run.busy),
            control.stop.eq(run.stop),
            control.finished.eq(run.finished),
            control.failed.eq(run.failed),
            control.fault.eq(run.fault),
            self.irq.eq(control.irq),
        ]
        for name, event in (
            ("passes", compute.pass_valid),
            ("stall_load", compute.waiting_load),
            ("stall_output", compute.waiting_output),
            ("stall_drain", compute.waiting_drain),
            ("loader_wait", loader.waiting),
            ("loads", loader.loaded),
            ("computed", compute.computed),
            ("stored", compute.stored),
            ("read_beats", port.beat),
            ("write_beats", compute.write_beat),
        ):
            m.d.comb += control.events[name].eq(event)
        m.d.comb += [
            watchdog.limit.eq(control.watchdog),
            watchdog.running.eq(run.busy & ~run.stop),
            watchdog.progress.eq(port.beat | compute.progress),
        ]
        for name, waits, number in (
            ("program_read", ~port.idle & program.empty, program.chunks),
            ("read", ~port.idle, loader.receiving),
            ("output", compute.waiting_output, compute.stored),
            ("compute", loader.waiting, loader.awaited),
            ("load", compute.waiting_load, compute.awaited),
            ("store", dispatcher.ending, dispatcher.for_memory),
            ("program", 1, program.chunks),
        ):
            m.d.comb += [
                watchdog.waits[name].waits.eq(waits),
                watchdog.waits[name].number.eq(number),
            ]

        # Pins.
        for prefix, inner in (("m_axi_", port.axi), ("m_axi_", compute.axi),
                              ("s_axil_", control.axil)):  # fmt: skip
            connect_pins(m, self, prefix, inner, self.machine.beat_bytes)
        return m
