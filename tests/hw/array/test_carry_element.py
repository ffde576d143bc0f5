"""An element in LUTs computes what the plain one does; that in carry cells is proved to
(``tests/hw/test_equivalence.py``)."""

from arch.machine import TINY
from tests.hw.cycles import run_benches
from tests.hw.element_miter import ElementMiter


def test_an_element_in_luts(rng):
    dut = ElementMiter(TINY, "gowin")

    async def bench(ctx):
        for cycle in range(1500):
            for name in ("activations", "weights"):
                # Few or many ones at times: long carries.
                word = int.from_bytes(rng.bytes(8), "little")
                word = {0: 0, 1: (1 << TINY.lanes) - 1}.get(int(rng.integers(8)), word)
                ctx.set(getattr(dut, name), word)
            ctx.set(dut.control, {
                "valid": int(rng.integers(4) > 0), "clear": int(rng.integers(9) == 0),
                "double": int(rng.integers(2)), "capture": int(rng.integers(5) == 0), "pieces": 0,
            })  # fmt: skip
            await ctx.tick()
            if cycle > 10:
                assert ctx.get(dut.counts_agree)
                assert ctx.get(dut.sums_agree), f"cycle {cycle}"

    run_benches(dut, bench)
