"""What loads and stores cost memory, and that tiles and orders follow it."""

from dataclasses import replace

import pytest

from arch.isa import Opcode
from arch.machine import ECP5_25F, ECP5_85F, TINY
from arch.memory import IDEAL, SDR16_100, SDR16_133
from compiler.backend.lower import lower
from compiler.backend.packing import pack
from compiler.backend.storage import lay_out
from compiler.backend.tiling.choose import Tilings
from compiler.backend.traffic import LOAD_OVERHEAD, Traffic
from compiler.cost.frame import predict
from compiler.flow import compile_file, compile_network
from tests.samples.networks import Builder, everything
from tests.sim.test_run import EXAMPLE


def load(rows, beats, opcode=Opcode.LOAD_MAP):
    return {"opcode": opcode, "rows": rows, "beats": beats}


def test_a_load_takes_as_long_as_the_slower_of_loader_and_memory():
    ideal, slow = Traffic(ECP5_25F, IDEAL), Traffic(ECP5_25F, SDR16_100)
    assert Traffic(ECP5_85F, IDEAL).load(load(3, 70)) == 210 + LOAD_OVERHEAD
    assert ideal.load(load(3, 70)) == 420 + LOAD_OVERHEAD  # 8 rows: two steps a beat
    assert ideal.load(load(3, 70, Opcode.LOAD_PICTURE)) == 840 + LOAD_OVERHEAD
    made = load(1, 8, Opcode.LOAD_THRESHOLDS) | {"code_bits": 4}
    assert ideal.load(made) == 4 * 16 + LOAD_OVERHEAD  # as long as a table
    # Two bursts a row, and four cycles for the eight bytes of a beat.
    assert slow.load(load(3, 70)) == 6 * 2 + 840
    # 32768 bytes: 64 bursts, and eight more where pages end.
    assert slow.bytes(1 << 15) == (64 + 8) * 2 + (1 << 14)


def jobs(network, machine):
    lowered = lower(network, machine)
    layouts = {name: lay_out(storage, machine) for name, storage in lowered.storages.items()}
    return [pack(job, lowered.storages, machine) for job in lowered.jobs], layouts


def test_only_a_shared_port_counts_stores_and_constants():
    b = Builder(0, 40, 64)
    b.conv("in", "first", 40, 3)
    b.conv("first", "head", 5, 1, raw=True)
    (first, *_), layouts = jobs(b.network("head"), TINY)
    layout = layouts[first.job.output]
    ideal, slow = Traffic(TINY, IDEAL), Traffic(TINY, SDR16_100)
    assert ideal.stores(first.job, layout, 10, 64) == 0
    assert ideal.constants(first.job, layouts, 1000) == 0
    beats = 64 * layout.position_bytes // 8
    assert slow.stores(first.job, layout, 10, 64) == slow.rows(10, beats)
    # Every second position: of 1 plane all transfers, of 4 one of each beat.
    twice = replace(first.job, enlarge=2)
    assert slow.stores(twice, replace(layout, position_bytes=1), 10, 64) == slow.rows(10, 16)
    assert slow.stores(twice, replace(layout, position_bytes=4), 10, 64) == slow.rows(10, 64)
    # Five row blocks: two sets of thresholds stay, weights do not.
    codes = 1 << layouts[first.job.output].storage.bits
    thresholds = 3 * slow.bytes(codes * 8 * 4)
    assert slow.constants(first.job, layouts, 1) == thresholds
    assert slow.constants(first.job, layouts, 100) == thresholds + 5 * slow.bytes(100 * 64)


def test_tiles_follow_the_memory():
    """What is loaded again for every tile makes tiles larger where it keeps memory busy."""
    network, _ = everything(0, 60, 80)
    packed, layouts = jobs(network, TINY)
    counts = [
        [len(Tilings(job, layouts, Traffic(TINY, memory)).best().tiles) for job in packed]
        for memory in (IDEAL, SDR16_133)
    ]
    print(f"tiles {counts}")
    assert counts[0] != counts[1]


@pytest.mark.parametrize("machine", [ECP5_25F, ECP5_85F], ids=lambda m: m.name)
def test_arranging_for_a_slow_memory_helps_with_it(machine):
    cycles = []
    for memory in (IDEAL, SDR16_133):
        image = compile_file(EXAMPLE / "shapes.onnx", machine, memory).image
        found = predict(image.memory(), image.program_address, machine, SDR16_133)
        cycles.append(found.cycles)
    print(f"{machine.name}: {cycles}")
    assert cycles[1] < cycles[0]


def test_the_memory_is_that_of_the_compiled_network():
    network, _ = everything(0, 16, 24)
    slow, fast = (compile_network(network, TINY, memory) for memory in (SDR16_133, IDEAL))
    assert slow.prediction.cycles > fast.prediction.cycles
    assert compile_network(network, TINY).image.to_bytes() == fast.image.to_bytes()
