"""Small programs on the whole accelerator: the results, every way to end, and what comes after."""

import pytest

from arch.isa import Compute, Entry, Load, Opcode, encode
from arch.machine import TINY
from arch.registers import ErrorCode, Register
from golden.machine import GoldenMachine
from tests.hw.accelerator_bench import AcceleratorBench
from tests.samples.sample import Sample
from tests.samples.sample_layer import LayerShape

DONE, ERROR = 2, 4


def sample():
    """Return a picture's layer and one on top of it."""
    sample = Sample(TINY)
    stem = sample.convolution(
        "stem",
        sample.picture(4, 8),
        LayerShape(channels=8, kernel=3, weight_bits=1, bits=2, halo=1, even_grid=False),
    )
    sample.convolution("head", stem, LayerShape(channels=8, kernel=1, weight_bits=2))
    return sample.finish()


def golden_run(sample):
    memory = sample.memory.copy()
    statistics = GoldenMachine(TINY).run(memory, sample.program_address)
    return memory.tobytes(), statistics


def test_results_and_counters():
    chosen = sample()
    expected, statistics = golden_run(chosen)
    memory = bytearray(chosen.memory.tobytes())

    async def act(ctx, bench):
        await bench.start(ctx, chosen.program_address)
        assert await bench.wait(ctx) == (DONE, 0)
        for register, value in (
            (Register.LOADS, statistics.loads),
            (Register.COMPUTED, statistics.computed),
            (Register.STORED, statistics.computed),
            (Register.PASSES, statistics.passes),
            (Register.READ_BEATS, statistics.read_beats),
            (Register.WRITE_BEATS, statistics.write_beats),
        ):
            assert await bench.lite.read(ctx, register) == value, register

    AcceleratorBench(TINY, memory, act)
    assert memory == expected


@pytest.mark.parametrize("seed", [1, 2])
def test_results_with_a_slow_memory(seed):
    chosen = sample()
    memory = bytearray(chosen.memory.tobytes())

    async def act(ctx, bench):
        await bench.start(ctx, chosen.program_address)
        assert await bench.wait(ctx) == (DONE, 0)

    AcceleratorBench(TINY, memory, act, stalls=0.5, seed=seed)
    assert memory == golden_run(chosen)[0]


def test_a_second_frame_is_like_the_first():
    chosen = sample()
    expected, _ = golden_run(chosen)
    memory = bytearray(chosen.memory.tobytes())
    cycles = []

    async def act(ctx, bench):
        for _ in range(2):
            memory[:] = chosen.memory.tobytes()
            await bench.start(ctx, chosen.program_address)
            assert await bench.wait(ctx) == (DONE, 0)
            assert memory == expected
            cycles.append(await bench.lite.read(ctx, Register.CYCLES))

    AcceleratorBench(TINY, memory, act)
    assert cycles[0] == cycles[1]


SOME = (5, 310)
MORE = (0, 1, 40, 200, 290, 790, 330, 380, 450, 520, 600, 700, 850)


@pytest.mark.parametrize(
    "abort_after", [*SOME, *(pytest.param(cycles, marks=pytest.mark.slow) for cycles in MORE)]
)
def test_a_frame_after_an_abort(abort_after):
    chosen = sample()
    expected, _ = golden_run(chosen)
    memory = bytearray(chosen.memory.tobytes())

    async def act(ctx, bench):
        await bench.start(ctx, chosen.program_address)
        for _ in range(abort_after):
            await ctx.tick()
        await bench.lite.write(ctx, Register.CONTROL, 2)
        rises, bursts = len(bench.reads.rises), len(bench.writes.bursts)
        assert await bench.wait(ctx, 1000) == (ERROR, ErrorCode.ABORTED)
        assert len(bench.reads.rises) == rises
        assert len(bench.writes.bursts) <= bursts + 1  # one may have been on the port
        assert sum(beats for _, _, beats in bench.reads.bursts) == len(bench.reads.beats)
        assert sum(beats for _, _, beats, _ in bench.writes.bursts) == len(bench.writes.beats)
        assert len(bench.writes.answers) == len(bench.writes.bursts)
        bursts = len(bench.reads.bursts), len(bench.writes.bursts)
        await ctx.tick().repeat(100)
        assert bursts == (len(bench.reads.bursts), len(bench.writes.bursts))
        memory[:] = chosen.memory.tobytes()
        await bench.start(ctx, chosen.program_address)
        assert await bench.wait(ctx) == (DONE, 0)

    AcceleratorBench(TINY, memory, act, stalls=0.2, seed=abort_after)
    assert memory == expected


def program_of(*instructions):
    """Return a memory with this program at 0."""
    memory = bytearray(1 << 16)
    for number, (layout, fields) in enumerate(instructions):
        memory[32 * number : 32 * number + 32] = encode(layout, fields).to_bytes(32, "little")
    return memory


MAP = (Load, {"opcode": Opcode.LOAD_MAP, "address": 4096, "rows": 1, "beats": 4, "groups": 15,
              "halves": 3})  # fmt: skip
COMPUTE = (
    Compute,
    {
        "opcode": Opcode.COMPUTE,
        "block_rows": 1,
        "row_blocks": 1,
        "row_length": 4,
        "width": 4,
        "height": 1,
        "code_bits": 1,
        "address": 8192,
    },
)
LATE_MAP = (Load, MAP[1] | {"after_compute": 5})
LATE_COMPUTE = (Compute, COMPUTE[1] | {"after_load": 9})
LATE_STORE = (Load, MAP[1] | {"after_stored": 6})
END = (Load, {"opcode": Opcode.END})
OTHER = (Load, {"opcode": Opcode.ILLEGAL})
NEXT_CHUNK = (Load, {"opcode": Opcode.LOAD_PROGRAM, "address": 2048, "rows": 1, "beats": 256})
ENTRY = (Load, {"opcode": Opcode.LOAD_TABLE, "address": 12288, "rows": 1, "beats": 2})

FAILURES = {
    "illegal": ([MAP, OTHER], {}, ErrorCode.ILLEGAL_INSTRUCTION, 1),
    "read error": ([MAP, MAP, END], {"error_at": 256 + 5}, ErrorCode.READ_RESPONSE, 1),
    "boot silent": ([END], {"silence": (100, 400)}, ErrorCode.PROGRAM_WAITS_FOR_READ, 0),
    "chunk silent": (
        [MAP] * 63 + [NEXT_CHUNK],
        {"silence": (256 + 63 * 4 + 9, 400)},
        ErrorCode.PROGRAM_WAITS_FOR_READ,
        1,
    ),
    "load silent": (
        [MAP, MAP, END],
        {"silence": (256 + 6, 400)},
        ErrorCode.LOADER_WAITS_FOR_READ,
        1,
    ),
    "no END": ([MAP] * 64, {}, ErrorCode.PROGRAM_WAITS_FOR_READ, 1),
    "load waits": ([MAP, LATE_MAP, END], {}, ErrorCode.LOADER_WAITS_FOR_COMPUTE, 5),
    "load waits for store": ([MAP, LATE_STORE, END], {}, ErrorCode.LOADER_WAITS_FOR_COMPUTE, 6),
    "compute waits": ([MAP, LATE_COMPUTE, END], {}, ErrorCode.SEQUENCER_WAITS_FOR_LOAD, 9),
    "store waits": (
        [ENTRY, COMPUTE, END],
        {"write_latency": 400},
        ErrorCode.END_WAITS_FOR_STORE,
        1,
    ),
}


def failing(instructions):
    """Return the memory of a program that fails."""
    memory = program_of(*instructions)
    entry = {"clear": 1, "capture": 1, "pool_first": 1, "pool_last": 1}
    memory[12288:12304] = encode(Entry, entry).to_bytes(16, "little")
    return memory


def check_failures(failures, **options):
    """Run these programs on one accelerator, each of them and then a frame."""
    memory = bytearray(1 << 16)

    async def act(ctx, bench):
        await bench.lite.write(ctx, Register.WATCHDOG, 100)
        for instructions, code, number in failures:
            memory[:] = failing(instructions)
            await bench.start(ctx, 0)
            assert await bench.wait(ctx) == (ERROR, code | number << 16)
            memory[:] = program_of(MAP, END)
            await bench.start(ctx, 0)
            assert await bench.wait(ctx) == (DONE, 0)

    AcceleratorBench(TINY, memory, act, **options)


@pytest.mark.parametrize(
    "failure", [name for name, (_, options, *_) in FAILURES.items() if options]
)
def test_failure_of_a_memory_and_a_frame_after_it(failure):
    instructions, options, code, number = FAILURES[failure]
    check_failures([(instructions, code, number)], **options)


def test_failures_of_programs_and_frames_between_them():
    check_failures(
        [
            (instructions, code, number)
            for instructions, options, code, number in FAILURES.values()
            if not options
        ]
    )
