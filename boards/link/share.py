"""One memory port for two managers: the accelerator and the host's bridge."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.streams import axi
from hw.streams.short_queue import ShortQueue

UNDER_WAY = 16
"""Bursts of each kind."""
MOST_AHEAD = 6
"""Two at work, and of each kind one that is taken and one that is offered."""


class Share(wiring.Component):
    """Passes bursts on, taking turns where both managers have one, and leads what comes back home.

    The host's line does not wait, so until its write is answered the core begins no read. Of a
    memory that takes one burst of each kind ahead, and has two more at work, a write of the host
    waits for ``MOST_AHEAD`` of the core's bursts at most. In turn the core's writes must not wait
    for its reads, and the host has one write under way.

    Latency: 0 cycles, 1 where the other manager was served before; full throughput.

    Parameters
    ----------
    beat_bits : int
        Of the ports, 64 or 128.
    size : int
        Bytes of memory, a power of two.

    Members
    -------
    half : ``In(1)``
        The core finds one half of memory where the other one is. Constant while it has bursts.
    core, host : AXI4 as a subordinate, each ``ar``, ``r``, ``aw``, ``w`` and ``b``
    memory : AXI4 as a manager
    """

    def __init__(self, beat_bits: int, size: int):
        self.beat_bits, self.size = beat_bits, size
        port = wiring.Signature({
            **axi.read_signature(beat_bits).members, **axi.write_signature(beat_bits).members,
        })  # fmt: skip
        super().__init__({
            "half": In(1), "core": In(port), "host": In(port), "memory": Out(port),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        waits, offered = Signal(), Signal()
        with m.If(self.host.aw.valid):
            m.d.sync += waits.eq(1)
        with m.Elif(self.host.b.valid):
            m.d.sync += waits.eq(0)
        for kind in ("ar", "aw"):
            memory = getattr(self.memory, kind)
            core, host = getattr(self.core, kind), getattr(self.host, kind)
            queues = [ShortQueue(1, UNDER_WAY) for _ in range(1 if kind == "ar" else 2)]
            for number, queue in enumerate(queues):
                m.submodules[f"{kind}_owners{number}"] = queue
            hosts, room, passes = Signal(), Signal(), Signal()
            moved = Signal.like(core.payload)
            m.d.comb += [
                moved.eq(core.payload),
                moved.address.eq(core.payload.address ^ Mux(self.half, self.size // 2, 0)),
            ]
            may = ~waits | offered if kind == "ar" else 1
            of_core = core.valid & may
            mine, other = Mux(hosts, host.valid, of_core), Mux(hosts, of_core, host.valid)
            m.d.comb += [
                room.eq(Cat(queue.i.ready for queue in queues).all()),
                memory.valid.eq(mine & room),
                memory.payload.eq(Mux(hosts, host.payload, moved)),
                passes.eq(memory.valid & memory.ready),
                core.ready.eq(memory.ready & room & ~hosts & may),
                host.ready.eq(memory.ready & room & hosts),
            ]
            for queue in queues:
                m.d.comb += [queue.i.payload.eq(hosts), queue.i.valid.eq(passes)]
            # A burst that is offered is not withdrawn.
            with m.If((passes | ~mine) & other):
                m.d.sync += hosts.eq(~hosts)
            if kind == "ar":
                m.d.sync += offered.eq(memory.valid & ~memory.ready & ~hosts)
                self._back(m, "r", queues[0], self.memory.r.payload.last)
            else:
                self._back(m, "b", queues[1], 1)
                self._forth(m, queues[0])
        return m

    def _back(self, m, channel, owners, last) -> None:
        """What memory sends, to the manager whose turn it is."""
        memory = getattr(self.memory, channel)
        core, host = getattr(self.core, channel), getattr(self.host, channel)
        hosts = owners.o.payload
        m.d.comb += [
            core.payload.eq(memory.payload),
            host.payload.eq(memory.payload),
            core.valid.eq(memory.valid & ~hosts),
            host.valid.eq(memory.valid & hosts),
            memory.ready.eq(Mux(hosts, host.ready, core.ready)),
            owners.o.ready.eq(memory.valid & memory.ready & last),
        ]

    def _forth(self, m, owners) -> None:
        """Data to be written, in the order of their addresses."""
        memory, core, host = self.memory.w, self.core.w, self.host.w
        hosts, some = owners.o.payload, owners.o.valid
        m.d.comb += [
            memory.payload.eq(Mux(hosts, host.payload, core.payload)),
            memory.valid.eq(some & Mux(hosts, host.valid, core.valid)),
            core.ready.eq(some & ~hosts & memory.ready),
            host.ready.eq(some & hosts & memory.ready),
            owners.o.ready.eq(memory.valid & memory.ready & memory.payload.last),
        ]
