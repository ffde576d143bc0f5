"""Many counters of events in one small memory."""

from amaranth.hdl import Array, Module, Mux, Signal
from amaranth.lib import memory, wiring
from amaranth.lib.wiring import In, Out

COUNTER_BITS = 32


class Counters(wiring.Component):
    """Counts ``count`` kinds of events, each at most once per cycle.

    One adder visits a counter per cycle, in turn, and adds the few events since its last visit:
    for ten counters that is a quarter of the slots of ten adders with a multiplexer behind them.

    Timing: ``value`` is the counter ``number``, with all events up to two cycles before. Every
    number comes again after ``count`` cycles. ``clear`` acts at once: events of later cycles count.

    Members
    -------
    events : ``In(count)``
    clear : ``In(1)``
        All counters are 0.
    number : ``Out(range(count))``
    value : ``Out(32)``
    """

    def __init__(self, count: int):
        self.count = count
        super().__init__({
            "events": In(count),
            "clear": In(1),
            "number": Out(range(count)),
            "value": Out(COUNTER_BITS),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        count = self.count
        m.submodules.words = words = memory.Memory(shape=COUNTER_BITS, depth=count, init=[])
        write, read = words.write_port(), words.read_port(domain="comb")

        # The turn of a counter: its word and its new events are read, ...
        turn = Signal(range(count))
        stale = Signal(range(count + 1))  # words of before `clear` that are still to come
        recent = [Signal(range(count + 1), name=f"recent{k}") for k in range(count)]
        word, added = Signal(COUNTER_BITS, reset_less=True), Signal.like(recent[0])
        m.d.sync += [
            turn.eq(Mux(turn == count - 1, 0, turn + 1)),
            word.eq(read.data),
            added.eq(Array(recent)[turn]),
            self.number.eq(turn),
        ]
        for k in range(count):
            m.d.sync += recent[k].eq(Mux(turn == k, 0, recent[k]) + self.events[k])
        with m.If(stale != 0):
            m.d.sync += [stale.eq(stale - 1), word.eq(0)]
        with m.If(self.clear):
            m.d.sync += [stale.eq(count), word.eq(0), added.eq(0)]
            m.d.sync += [value.eq(0) for value in recent]

        # ... and in the next cycle added up and written back.
        m.d.comb += [
            read.addr.eq(turn),
            self.value.eq(word + added),
            write.addr.eq(self.number),
            write.data.eq(self.value),
            write.en.eq(1),
        ]
        return m
