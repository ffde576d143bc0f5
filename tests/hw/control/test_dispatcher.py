"""Instructions reach their queues in order; END waits; what is unknown stops everything."""

import random

import pytest

from arch.isa import CHUNK_BYTES, Compute, Load, Opcode, PostMode, decode, encode
from arch.machine import TINY
from hw.control.dispatcher import Dispatcher
from tests.hw.cycles import run_benches

PROGRAM = 0x00345000


def random_program(count, seed):
    """Return [(is a load, encoded instruction)] with random fields."""
    chance = random.Random(seed)
    loads = [opcode for opcode in Opcode if opcode.name.startswith("LOAD_")]
    program = []
    for number in range(count):
        if chance.random() < 0.6:
            program.append(
                (
                    True,
                    encode(
                        Load,
                        {
                            "opcode": chance.choice(loads),
                            "address": number,
                            "groups": chance.randrange(16),
                        },
                    ),
                )
            )
        else:
            program.append(
                (
                    False,
                    encode(
                        Compute,
                        {
                            "opcode": Opcode.COMPUTE,
                            "address": number,
                            "post_mode": chance.choice(list(PostMode)),
                        },
                    ),
                )
            )
    return program


class Bench:
    """Feeds a program and takes from both queues with the given probabilities."""

    def __init__(self, program, take_load=1.0, take_compute=1.0, seed=1, answer=None):
        self.program = program
        self.dut = Dispatcher(TINY)
        self.chance = random.Random(seed)
        self.take = {"loads": take_load, "computes": take_compute}
        self.got = {"loads": [], "computes": []}
        self.entered = []
        self.answer = answer
        self.end = None
        run_benches(self.dut, self.watch, background=(self.feed,))

    async def feed(self, ctx):
        cycle = 0
        for _, instruction in self.program:
            ctx.set(self.dut.instructions.payload, instruction)
            ctx.set(self.dut.instructions.valid, 1)
            taken = False
            while not taken:
                _, _, taken = await ctx.tick().sample(self.dut.instructions.ready)
                cycle += 1
            self.entered.append(cycle - 1)
        ctx.set(self.dut.instructions.valid, 0)

    async def watch(self, ctx):
        dut = self.dut
        ctx.set(dut.program, PROGRAM)
        for cycle in range(600):
            for name in self.got:
                ctx.set(getattr(dut, name).ready, self.chance.random() < self.take[name])
            if self.answer:
                loaded, stored = self.answer(cycle, self)
                ctx.set(dut.loaded, loaded)
                ctx.set(dut.computed, stored)
                ctx.set(dut.stored, stored)
            (
                _,
                _,
                load_valid,
                load,
                load_ready,
                compute_valid,
                compute,
                compute_ready,
                done,
            ) = await ctx.tick().sample(
                dut.loads.valid,
                dut.loads.payload.as_value(),
                dut.loads.ready,
                dut.computes.valid,
                dut.computes.payload.as_value(),
                dut.computes.ready,
                dut.done,
            )
            if load_valid and load_ready:
                self.got["loads"].append((cycle, load))
            if compute_valid and compute_ready:
                self.got["computes"].append((cycle, compute))
            if done:
                self.end = cycle
                return
        self.illegal = ctx.get(dut.illegal)
        self.dispatched = ctx.get(dut.dispatched)


def payload(layout, bits):
    return encode(layout, decode(layout, bits))


@pytest.mark.parametrize(("take_load", "take_compute"), [(1, 1), (0.2, 0.9), (0.9, 0.1)])
def test_order(take_load, take_compute, seed):
    program = random_program(60, seed)
    bench = Bench(program, take_load, take_compute, seed)
    first, *loads = bench.got["loads"]
    boot = decode(Load, first[1])
    assert {name: value for name, value in boot.items() if value} == {
        "opcode": Opcode.LOAD_PROGRAM,
        "address": PROGRAM,
        "rows": 1,
        "beats": CHUNK_BYTES // TINY.beat_bytes,
        "planes": boot["planes"],
    } | {name: value for name, value in boot.items() if name == "planes"}
    assert [load for _, load in loads] == [
        payload(Load, instruction) for is_load, instruction in program if is_load
    ]
    assert [compute for _, compute in bench.got["computes"]] == [
        payload(Compute, instruction) for is_load, instruction in program if not is_load
    ]


def test_cycles():
    program = random_program(20, seed=4)
    bench = Bench(program)
    # The queue of loads takes the boot load in cycle 0, the first instruction in cycle 1.
    assert bench.entered == list(range(1, 21))
    assert bench.got["loads"][0][0] == 2
    for name, is_load in (("loads", True), ("computes", False)):
        cycles = [cycle for cycle, _ in bench.got[name]][is_load:]
        entered = [
            cycle
            for cycle, (which, _) in zip(bench.entered, program, strict=True)
            if which == is_load
        ]
        assert cycles == [cycle + 2 for cycle in entered]


def test_a_full_queue_holds_as_many_as_it_should():
    program = [(True, encode(Load, {"opcode": Opcode.LOAD_MAP, "address": i})) for i in range(30)]
    bench = Bench(program, take_load=0)
    assert len(bench.entered) == TINY.queue_depth - 1  # one place is the boot load's


@pytest.mark.parametrize("late", ["loaded", "stored"])
def test_end_waits_for_everything(late):
    program = random_program(10, seed=2)
    loads = sum(is_load for is_load, _ in program)
    program.append((True, encode(Load, {"opcode": Opcode.END})))

    def answer(cycle, bench):
        loaded = loads - (late == "loaded" and cycle < 100)
        stored = len(program) - 1 - loads - (late == "stored" and cycle < 100)
        return loaded, stored

    assert Bench(program, answer=answer).end == 101


def test_end_at_once():
    bench = Bench([(True, encode(Load, {"opcode": Opcode.END}))])
    assert bench.end == bench.entered[0] + 1


@pytest.mark.parametrize("opcode", [0, 9, 14])
def test_illegal(opcode):
    program = random_program(5, seed=3)
    bench = Bench([*program, (True, opcode), (True, encode(Load, {"opcode": Opcode.END}))])
    assert bench.end is None
    assert bench.illegal == 1
    assert bench.dispatched == 5
