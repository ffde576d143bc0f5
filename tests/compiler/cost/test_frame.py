"""The cost model without RTL: its numbers are hw's, its sums are golden's, its counts as recorded.

That RTL counts the same is for ``tests/sim/test_cost.py``.
"""

import gc
import warnings
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from amaranth.hdl import UnusedElaboratable

from arch.isa import Entry, Opcode, encode
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY, Machine
from arch.memory import IDEAL, SDR16_100, SDR16_133
from compiler.cost import dispatch as cost_dispatch
from compiler.cost import loads as cost_loads
from compiler.cost import passes as cost_passes
from compiler.cost import results as cost_results
from compiler.cost import writes as cost_writes
from compiler.cost.dispatch import DispatchTimes
from compiler.cost.frame import predict
from compiler.cost.results import CostError
from compiler.describe import describe
from compiler.flow import compile_network
from compiler.report import layer_table
from golden.machine import GoldenMachine
from host.manifest import Forecast
from hw.compute import sequencer
from hw.compute.compute_core import ComputeCore
from hw.control.instruction_memory import InstructionMemory
from hw.load import loader
from hw.load.read_port import ReadPort
from hw.results import axi_write, wide_codes
from hw.results.capture import TAG_DEPTH
from hw.results.running_maximum import RunningMaximum
from hw.results.threshold_search import ThresholdSearch
from hw.results.wide_codes import WideCodes
from hw.streams import block_queue
from hw.streams.block_queue import BlockQueue
from hw.streams.queue import Queue
from tests.samples.listing import Listing
from tests.samples.networks import everything
from tests.samples.random_programs import RandomProgram

SMALL_SUMS = [
    replace(machine, name="small_sums", accumulator_bits=22) for machine in (TINY, ECP5_85F)
]
"""What the random programs were recorded with: they draw the pieces of raw sums."""


@contextmanager
def never_elaborated():
    """Let components be made for their attributes only; Amaranth warns when they are collected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnusedElaboratable)
        yield
        gc.collect()


def hardware(machine: Machine) -> dict[str, int]:
    """Latencies as the components give them."""
    core, instructions = ComputeCore(machine), InstructionMemory(machine)
    return {
        "codes": core.codes_latency,
        "computed": core.computed_latency,
        "first instruction": instructions.latency,
        "next instruction": instructions.interval,
    }


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
def test_latencies_are_those_of_the_hardware(machine):
    codes = cost_writes.codes_latency(machine)
    dispatch = DispatchTimes(machine, [], [100])
    first = dispatch.come(0)
    dispatch.take(200)
    with never_elaborated():
        assert hardware(machine) == {
            "codes": codes,
            "computed": codes + cost_writes.COLUMN_TO_BEAT + cost_writes.BEAT_TO_COMPUTED + 1,
            "first instruction": first - 100,
            "next instruction": dispatch.come(1) - 200,
        }


def test_constants_are_those_of_the_hardware():
    assert Queue.latency == cost_dispatch.QUEUE_LATENCY
    assert cost_loads.TRANSFER_DEPTH == loader.TRANSFER_DEPTH
    assert cost_loads.BEAT_TO_COUNT == loader.Loader.LOADED
    assert cost_loads.BEAT_TO_TRANSFER + cost_loads.TRANSFER_TO_BEAT == loader.Loader.TRANSFER_GAP
    assert cost_dispatch.QUEUE_LATENCY + cost_loads.TRANSFER_TO_BEAT == loader.Loader.TRANSFER_START
    assert cost_loads.BURST_INTERVAL == ReadPort.ADDRESS_INTERVAL
    assert cost_loads.REQUEST_TO_BURST + cost_loads.BURST_TO_ADDRESS == ReadPort.REQUEST_TO_ADDRESS
    assert 1 + cost_passes.TAKEN_TO_ISSUE == sequencer.Sequencer.START
    assert cost_passes.WALKED_AHEAD == sequencer.AHEAD + 1
    assert cost_passes.PLACEMENT_DEPTH == TAG_DEPTH
    assert BlockQueue.latency == cost_writes.COMPLETE_TO_ADDRESS
    assert block_queue.AHEAD == cost_writes.FETCHED
    assert cost_writes.OUTSTANDING == axi_write.OUTSTANDING


def test_wide_codes_take_as_long_as_in_hardware():
    others = ThresholdSearch.latency + RunningMaximum.latency
    assert WideCodes.latency - 1 - others == cost_results.WIDE_LATENCY
    assert cost_results.WIDE_PIECES == wide_codes.WIDE_PIECES
    assert cost_passes.WIDE_SETTLES == sequencer.WIDE_SETTLES
    for machine in (TINY, ECP5_85F):
        # Its second piece has left before a column comes that does not wait for the lanes.
        late = cost_results.wide_delay(machine) + 1 - machine.wide_cycles
        assert late < sequencer.WIDE_SETTLES


@pytest.mark.parametrize(
    ("machine", "seed", "latencies", "counts"),
    [
        (SMALL_SUMS[0], 0, (20, 4), (4560, 1697, 1304)),
        (SMALL_SUMS[0], 1, (1, 1), (4182, 1887, 1207)),
        (SMALL_SUMS[0], 2, (60, 14), (4998, 1773, 2056)),
        (SMALL_SUMS[0], 3, (7, 40), (4847, 2015, 1149)),
        (SMALL_SUMS[1], 0, (20, 4), (8763, 727, 6617)),
        (SMALL_SUMS[1], 1, (1, 1), (7862, 1127, 5776)),
    ],
)
def test_recorded_counts(machine, seed, latencies, counts):
    """Cycles, stall_load and stall_drain as RTL counted them."""
    read_latency, write_latency = latencies
    program = RandomProgram(machine, seed)
    memory = replace(IDEAL, read_latency=read_latency, write_latency=write_latency)
    found = predict(program.memory, 0, machine, memory)
    assert (found.cycles, found.stall_load, found.stall_drain) == counts


@pytest.mark.parametrize("machine", [TINY, ECP5_85F], ids=lambda m: m.name)
def test_counters_that_golden_has_too(machine):
    network, _ = everything(1, 21, 27)
    compiled = compile_network(network, machine)
    statistics = GoldenMachine(machine).run(compiled.image.memory(), compiled.image.program_address)
    for name in ("loads", "computed", "passes", "read_beats", "write_beats"):
        assert compiled.prediction.counters[name] == getattr(statistics, name), name


@pytest.mark.parametrize("seed", range(12))
def test_order_of_events(seed):
    program = RandomProgram(TINY, seed)
    prediction = predict(program.memory, 0, TINY)
    times = np.array(
        [[c.first_pass, c.last_pass, c.computed, c.stored] for c in prediction.computes]
    )
    assert (np.diff(times, axis=0) > 0).all()
    # The first and the last pass may be one.
    assert (np.diff(times, axis=1) > [[-1, 0, 0]]).all()
    assert times[-1, -1] < prediction.cycles
    assert prediction.passes + prediction.stall_load + prediction.stall_drain < prediction.cycles


@pytest.mark.parametrize("seed", range(12))
def test_slower_memory_never_makes_a_frame_faster(seed):
    program = RandomProgram(TINY, seed)
    latencies = [(1, 1), (20, 1), (20, 4), (20, 14), (20, 15), (21, 15), (90, 15), (90, 90)]
    cycles = [
        predict(
            program.memory, 0, TINY, replace(IDEAL, read_latency=read, write_latency=write)
        ).cycles
        for read, write in latencies
    ]
    assert cycles == sorted(cycles)


@pytest.mark.parametrize("seed", range(12))
def test_a_port_of_less_is_never_faster(seed):
    """With two ports; of one, the order of bursts changes with the rate."""
    program = RandomProgram(TINY, seed)
    kept = [replace(IDEAL, burst_cycles=b, rate_bytes=r) for b, r in [(0, 8), (2, 8), (2, 3)]]
    cycles = [predict(program.memory, 0, TINY, memory).cycles for memory in kept]
    assert cycles == sorted(cycles)


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda m: m.name)
def test_slow_memory_fills_the_output_buffer(machine):
    programs = [RandomProgram(machine, seed) for seed in range(6)]
    slow = replace(SDR16_100, rate_bytes=1)
    found = [predict(program.memory, 0, machine, slow) for program in programs]
    waits = [prediction.stall_output for prediction in found]
    print(f"stall_output {waits}")
    assert max(waits) > 0
    for prediction in found:
        assert prediction.stall_output == sum(c.output_wait for c in prediction.computes)
        busy = prediction.passes + prediction.stall_load
        assert busy + prediction.stall_output + prediction.stall_drain < prediction.cycles


def listing(table: list[dict], **fields) -> np.ndarray:
    """A memory with a program of one compute over one block."""
    memory = np.zeros(1 << 14, np.uint8)
    image = b"".join(encode(Entry, entry).to_bytes(16, "little") for entry in table)
    memory[8192 : 8192 + len(image)] = np.frombuffer(image, np.uint8)
    program = Listing(TINY, 0)
    program.load(Opcode.LOAD_TABLE, len(image), address=8192)
    shape = {"block_rows": 1, "row_blocks": 1, "row_length": 4, "width": 4, "height": 1}
    shape |= {"address": 12288, "position_bytes": 1, "table_last": len(table) - 1, "code_bits": 1}
    program.compute(**(shape | fields))
    program.end()
    program.write(memory)
    return memory


LEAVES = {"capture": 1, "pool_first": 1, "pool_last": 1}


def test_one_compute():
    """Counted by hand from the docstrings of hw/."""
    prediction = predict(listing([{}, LEAVES]), 0, TINY)
    # Boot: at the gate in 2, requested in 3, its address in 6, 256 beats from 26 on in four bursts.
    instructions = 26 + 255 + 6 + 5
    # LOAD_TABLE: at the gate 2 later, then likewise, 4 beats.
    loaded = instructions + 2 + 1 + 3 + 20 + 3 + 6
    first = loaded + 6
    # 4 columns leave as one beat; 23 to the codes, and 8 to its burst, which is complete then.
    stored = first + 1 + 23 + 3 + 4 + 1 + 5 + 4 + 1
    (compute,) = prediction.computes
    assert (compute.first_pass, compute.last_pass) == (first, first + 1)
    assert compute.stored == stored
    assert prediction.cycles == stored + 2
    assert prediction.stall_load == loaded - (instructions + 6 + 2)
    assert prediction.write_beats == 1


@pytest.mark.parametrize(
    ("machine", "memory", "text"),
    [
        (
            replace(TINY, output_beats=64, accumulator_bits=11),
            [LEAVES],
            "output_beats 64 is less than the cost model needs: 79",
        ),
        (replace(TINY, outstanding_reads=32), [LEAVES], "knows up to 16 outstanding reads"),
        (TINY, [LEAVES, {}], "instruction 1 .COMPUTE 0.: the last pass must capture"),
        (TINY, [LEAVES | {"pool_last": 0}], "a compute writes nothing"),
    ],
)
def test_what_the_model_does_not_tell(machine, memory, text):
    with pytest.raises(CostError, match=text):
        predict(listing(memory), 0, machine)


def test_one_compute_on_a_shared_port():
    """Counted by hand from docs/memory.md."""
    ideal, slow = (predict(listing([{}, LEAVES]), 0, TINY, kept) for kept in (IDEAL, SDR16_133))
    # Bursts of 64 beats, one every 7 + 64 * 3 cycles: the first address comes in 6.
    instructions = 6 + 4 * (7 + 192) + 3 + 6 + 5
    # LOAD_TABLE: 4 beats in 12 cycles, and 3 more of latency.
    loaded = instructions + 2 + 1 + 3 + 7 + 12 + 3 + 6
    first = loaded + 6
    # Its four bytes are written 7 + 1 cycles later than where they take one cycle.
    stored = first + 1 + 23 + 3 + 4 + 1 + 5 + 7 + 1 + 4 + 1
    (compute,) = slow.computes
    assert (compute.first_pass, compute.stored) == (first, stored)
    assert slow.cycles == stored + 2
    assert slow.write_beats == ideal.write_beats == 1


def test_manifest_and_table():
    network, _ = everything(0, 16, 24)
    compiled = compile_network(network, TINY)
    manifest = describe(compiled)
    cycles = compiled.prediction.cycles
    assert manifest.prediction == Forecast(cycles=cycles, memory=IDEAL)
    ends = [layer.last_cycle for layer in manifest.layers]
    assert all(0 < layer.first_cycle < layer.last_cycle for layer in manifest.layers)
    assert max(ends) < cycles
    lines = layer_table(compiled, 50).splitlines()
    assert len(lines) == len(compiled.plan.jobs) + 3
    assert f"{cycles:9d}" in lines[-2]
    assert lines[-1].startswith(f"{50e6 / cycles:.1f} frames/s at 50 MHz with memory ideal")
    assert max(map(len, lines)) <= 100
