"""A memory behind the AXI ports of a component under Amaranth's simulator."""

import random
from collections import deque
from dataclasses import dataclass, field


def legal(address: int, beats: int, beat_bytes: int, max_burst: int) -> None:
    """Assert that a burst obeys AXI4 and the machine's limit."""
    assert address % beat_bytes == 0, hex(address)
    assert 1 <= beats <= max_burst, beats
    assert address // 4096 == (address + beats * beat_bytes - 1) // 4096, (hex(address), beats)


@dataclass
class ReadMemory:
    """Answers bursts in order, the first beat `latency` cycles after the address at the earliest.

    With `stalls`, AR is not always ready and R not always valid. `silence` (beats, cycles): after
    so many beats nothing comes for so many cycles. The beat number `error_at` comes with an error.
    Lists: `rises` (cycles in which ARVALID rose), `bursts` (cycle of the handshake, address,
    beats), `beats` (cycles)."""

    contents: bytes
    beat_bytes: int
    max_burst: int
    latency: int = 4
    stalls: float = 0.0
    seed: int = 0
    outstanding: int = 8
    silence: tuple | None = None
    error_at: int | None = None
    bursts: list = field(default_factory=list)
    rises: list = field(default_factory=list)
    beats: list = field(default_factory=list)

    async def run(self, ctx, port):
        """Drive `port` (a `read_signature`), one loop per cycle."""
        chance = random.Random(self.seed)
        queue = deque()  # (first cycle, data, last)
        under_way, cycle, silent_cycles, was_up, shown = 0, 0, 0, False, False
        while True:
            ready = chance.random() >= self.stalls
            ctx.set(port.ar.ready, ready)
            silent = False
            if self.silence and len(self.beats) == self.silence[0]:
                silent_cycles += 1
                silent = silent_cycles <= self.silence[1]
            if not shown:
                shown = (
                    bool(queue)
                    and queue[0][0] <= cycle
                    and not silent
                    and chance.random() >= self.stalls
                )
            ctx.set(port.r.valid, shown)
            if shown:
                ctx.set(port.r.payload.data, queue[0][1])
                ctx.set(port.r.payload.last, queue[0][2])
                ctx.set(
                    port.r.payload.response.as_value(), 2 if self.error_at == len(self.beats) else 0
                )
            else:
                ctx.set(port.r.payload.as_value(), chance.getrandbits(self.beat_bytes * 8 + 3))
            _, _, up, address, length, taken = await ctx.tick().sample(
                port.ar.valid, port.ar.payload.address, port.ar.payload.length, port.r.ready
            )
            if up and not was_up:
                self.rises.append(cycle)
                under_way += 1
                assert under_way <= self.outstanding
            was_up = up and not ready
            if up and ready:
                count = length + 1
                legal(address, count, self.beat_bytes, self.max_burst)
                self.bursts.append((cycle, address, count))
                for i in range(count):
                    at = address + i * self.beat_bytes
                    data = int.from_bytes(self.contents[at : at + self.beat_bytes], "little")
                    queue.append((cycle + self.latency, data, i == count - 1))
            if shown and taken:
                self.beats.append(cycle)
                under_way -= queue.popleft()[2]
                shown = False
            cycle += 1
