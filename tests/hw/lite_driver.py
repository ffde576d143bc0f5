"""A manager of an AXI4-Lite port under Amaranth's simulator."""

import random


class LiteDriver:
    """An AXI4-Lite manager; it waits a random number of cycles before each channel."""

    def __init__(self, port, seed=1):
        self.port = port
        self.chance = random.Random(seed)

    async def idle(self, ctx):
        for _ in range(self.chance.randrange(3)):
            await ctx.tick()

    async def send(self, ctx, channel, payload):
        await self.idle(ctx)
        ctx.set(channel.payload, payload)
        ctx.set(channel.valid, 1)
        await ctx.tick().until(channel.ready)
        ctx.set(channel.valid, 0)

    async def write(self, ctx, register, value, strobe=15, data_first=False):
        port = self.port
        ctx.set(port.aw.payload, int(register))
        ctx.set(port.w.payload, {"data": value, "strobe": strobe})
        first, second = (port.w, port.aw) if data_first else (port.aw, port.w)
        ctx.set(first.valid, 1)
        await self.idle(ctx)
        assert not ctx.get(port.aw.ready | port.w.ready)
        ctx.set(second.valid, 1)
        await ctx.tick().until(port.aw.ready & port.w.ready)
        ctx.set(first.valid, 0)
        ctx.set(second.valid, 0)
        await self.idle(ctx)
        ctx.set(port.b.ready, 1)
        await ctx.tick().until(port.b.valid)
        ctx.set(port.b.ready, 0)

    async def read(self, ctx, register):
        port = self.port
        await self.send(ctx, port.ar, int(register))
        await self.idle(ctx)
        ctx.set(port.r.ready, 1)
        (value,) = await ctx.tick().sample(port.r.payload.data).until(port.r.valid)
        ctx.set(port.r.ready, 0)
        return value
