"""The memory behind the accelerator's port as a frozen dataclass, with named instances.

docs/memory.md says when a burst is served and when each of its beats comes; ``sim/memory.v`` keeps
to it, ``compiler/cost`` predicts it. All figures are in cycles of the core's clock, nominally
100 MHz, whatever the clock of the memory itself.
"""

from dataclasses import dataclass, fields

from arch.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True)
class Memory:
    """What a memory and its controller make of a burst.

    Raises :class:`arch.errors.ConfigurationError` where a figure is out of range.
    """

    name: str
    #: 1: reads and writes share the memory, one burst at a time; 2: each has it alone.
    ports: int
    #: Cycles that a burst takes before its first byte moves.
    burst_cycles: int
    #: ``rate_bytes`` move in ``rate_cycles``, but at most one beat of the port in a cycle.
    rate_bytes: int
    rate_cycles: int
    #: Cycles from an address to its first beat, of a burst that waits for nothing, with
    #: ``burst_cycles`` 0 and a beat a cycle; and from the last beat to the response.
    read_latency: int
    write_latency: int

    def __post_init__(self):
        for field in fields(self):
            value, least = getattr(self, field.name), int(field.name != "burst_cycles")
            if field.name != "name" and (not isinstance(value, int) or value < least):
                raise ConfigurationError(
                    f"memory {self.name!r}: {field.name} must be an integer from {least} on, "
                    f"not {value!r}"
                )
        if self.ports > 2:
            raise ConfigurationError(
                f"memory {self.name!r}: ports must be 1 or 2, not {self.ports}"
            )

    @property
    def shared(self) -> bool:
        """Whether reads and writes keep each other waiting."""
        return self.ports == 1

    def pace(self, beat_bytes: int) -> tuple[int, int]:
        """(cycles, beats): so many beats of ``beat_bytes`` move in so many cycles."""
        cost = beat_bytes * self.rate_cycles
        return cost, min(self.rate_bytes, cost)

    def moving(self, beats: int, beat_bytes: int) -> int:
        """Return the cycles in which ``beats`` of one burst move."""
        cost, gain = self.pace(beat_bytes)
        return -(-beats * cost // gain)

    def busy(self, bursts: int, beats: int, beat_bytes: int) -> int:
        """Return the cycles that ``bursts`` of ``beats`` in all keep a port; at least so many."""
        return bursts * self.burst_cycles + self.moving(beats, beat_bytes)

    def __str__(self) -> str:
        rate = f"{self.rate_bytes} bytes in {self.rate_cycles} cycles"
        if self == IDEAL:
            rate = "a beat a cycle"
        return (
            f"{self.name}: {'one port' if self.shared else 'two ports'}, {self.burst_cycles} "
            f"cycles a burst and {rate}; latency {self.read_latency} (read), "
            f"{self.write_latency} (write)"
        )


IDEAL = Memory(
    name="ideal",
    ports=2,
    burst_cycles=0,
    rate_bytes=16,
    rate_cycles=1,
    read_latency=20,
    write_latency=4,
)
"""A beat per cycle each way, and no burst costs anything: what the array could do. No board has
it."""

SDR16_100 = Memory(
    name="sdr16_100",
    ports=1,
    burst_cycles=2,
    rate_bytes=2,
    rate_cycles=1,
    read_latency=11,
    write_latency=4,
)
"""16-bit SDR SDRAM at the core's clock (ULX3S, Icepi Zero, iCESugar-Pro) behind the controller of
:mod:`boards.sdram`, which prepares the row of the next burst while one is streamed: what a burst
costs behind another one, refreshes included, is in ``burst_cycles``, the rest of what one costs
alone in ``read_latency``."""

SDR16_133 = Memory(
    name="sdr16_133",
    ports=1,
    burst_cycles=7,
    rate_bytes=8,
    rate_cycles=3,
    read_latency=4,
    write_latency=4,
)
"""The same memory in a clock domain of its own, at 133 MHz, behind a controller that opens and
closes a row for every burst; column latency is in the 7 cycles, too."""

SDR32_100 = Memory(
    name="sdr32_100",
    ports=1,
    burst_cycles=9,
    rate_bytes=4,
    rate_cycles=1,
    read_latency=4,
    write_latency=4,
)
"""32-bit SDR SDRAM at 100 MHz (Colorlight i5 and i9), likewise."""

DDR3_16 = Memory(
    name="ddr3_16",
    ports=1,
    burst_cycles=4,
    rate_bytes=12,
    rate_cycles=1,
    read_latency=20,
    write_latency=8,
)
"""16-bit DDR3 at 300 MHz (ECPIX-5, ButterStick): four cycles to close and open a row (27.5 ns) and
to turn the bus round; its PHY and controller take long to answer."""

MEMORIES = {memory.name: memory for memory in (IDEAL, SDR16_100, SDR16_133, SDR32_100, DDR3_16)}


def memory_named(name: str) -> Memory:
    """Return the memory of that name; :class:`ConfigurationError` names those there are."""
    if name not in MEMORIES:
        raise ConfigurationError(f"memory {name!r} is not known; known: {', '.join(MEMORIES)}")
    return MEMORIES[name]
