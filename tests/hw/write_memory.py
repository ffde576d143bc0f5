"""A memory behind an AXI write port under Amaranth's simulator."""

import random
from collections import deque
from dataclasses import dataclass, field

from tests.hw.axi_memory import legal


@dataclass
class WriteMemory:
    """Takes bursts in order; acknowledges each `latency` cycles after its last beat or later.

    With `stalls`, AW and W are not always ready and B comes later. `bursts` lists (cycle, address,
    beats, bytes of a beat), `beats` and `answers` the cycles of the handshakes. `errors` names
    bursts by number. Nothing is taken in the first `asleep` cycles.
    """

    beat_bytes: int
    #: In beats, whatever their size.
    max_burst: int
    latency: int = 1
    stalls: float = 0.0
    seed: int = 0
    errors: tuple = ()
    asleep: int = 0
    contents: dict = field(default_factory=dict)
    bursts: list = field(default_factory=list)
    beats: list = field(default_factory=list)
    answers: list = field(default_factory=list)

    async def run(self, ctx, axi):
        """Drive `axi` (a `write_signature`), one loop per cycle."""
        chance = random.Random(self.seed)
        under_way = deque()  # [address, beats left]
        waiting = deque()  # cycle from which a burst may be acknowledged
        cycle, shown, held = 0, False, {}
        while True:
            ready = {
                name: cycle >= self.asleep and chance.random() >= self.stalls
                for name in ("aw", "w")
            }
            shown = shown or (
                bool(waiting) and waiting[0] <= cycle and chance.random() >= self.stalls
            )
            ctx.set(axi.aw.ready, ready["aw"])
            ctx.set(axi.w.ready, ready["w"])
            ctx.set(axi.b.valid, shown)
            ctx.set(axi.b.payload.as_value(), 2 if len(self.answers) in self.errors else 0)
            _, _, aw, w, aw_payload, w_payload, b_ready = await ctx.tick().sample(
                axi.aw.valid, axi.w.valid, axi.aw.payload, axi.w.payload, axi.b.ready
            )
            assert b_ready
            for name, valid, payload in (("aw", aw, aw_payload), ("w", w, w_payload)):
                if name in held:  # not taken: it stays as it is
                    assert valid, name
                    assert payload == held[name], name
                held.pop(name, None)
                if valid and not ready[name]:
                    held[name] = payload
            if w and ready["w"]:
                assert under_way, "data before its address"
                address, left, size = under_way[0]
                self._store(address, size, w_payload)
                self.beats.append(cycle)
                assert w_payload.last == (left == 1)
                under_way[0] = [address + size, left - 1, size]
                if left == 1:
                    under_way.popleft()
                    waiting.append(cycle + self.latency)
            if aw and ready["aw"]:
                count = aw_payload.length + 1
                size = 1 << aw_payload.size if hasattr(aw_payload, "size") else self.beat_bytes
                legal(aw_payload.address, count, size, self.max_burst)
                self.bursts.append((cycle, aw_payload.address, count, size))
                under_way.append([aw_payload.address, count, size])
            if shown:
                waiting.popleft()
                self.answers.append(cycle)
                shown = False
            cycle += 1

    def _store(self, address, size, payload):
        first = address // self.beat_bytes * self.beat_bytes
        for i in range(self.beat_bytes):
            if payload.strobe >> i & 1:
                assert (first + i) // size == address // size, "not in this beat's lanes"
                self.contents[first + i] = payload.data >> 8 * i & 255
