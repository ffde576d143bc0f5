"""Every cycle has one reason, and the reasons add up to the counters."""

import numpy as np
import pytest

from arch.machine import ECP5_25F, TINY
from arch.memory import IDEAL, SDR16_133
from compiler.cost.account import account, uses_of
from compiler.cost.frame import predict
from compiler.flow import compile_network
from golden.compute import passes_of
from golden.machine import GoldenMachine
from golden.program import fetch_program
from tests.samples.networks import everything
from tests.samples.random_programs import RandomProgram


@pytest.mark.parametrize("memory", [IDEAL, SDR16_133], ids=lambda memory: memory.name)
@pytest.mark.parametrize("seed", range(6))
def test_reasons_add_up(seed, memory):
    program = RandomProgram(TINY, seed, loops=seed % 2 == 1)
    prediction = predict(program.memory, 0, TINY, memory)
    uses = uses_of(program.memory, fetch_program(program.memory, 0), TINY)
    last = len(prediction.computes) - 1
    split = last // 2
    whole = account(prediction, uses, 0, last, with_end=True)
    first = account(prediction, uses, 0, split)
    second = account(prediction, uses, split + 1, last, with_end=True)
    assert whole.total == prediction.cycles == first.total + second.total
    counters = prediction.counters
    assert whole.cycles["passes"] == counters["passes"] == whole.use.passes
    assert whole.cycles["load"] == counters["stall_load"]
    assert whole.cycles["output"] == counters["stall_output"]
    assert whole.cycles["drain"] == counters["stall_drain"]
    assert min(*whole.cycles.values(), *first.cycles.values(), *second.cycles.values()) >= 0


@pytest.mark.parametrize("machine", [TINY, ECP5_25F], ids=lambda machine: machine.name)
def test_uses_are_those_of_the_machine(machine):
    """Idle lane groups and positions outside of the map, as the golden machine has them."""
    compiled = compile_network(everything(0, 16, 24)[0], machine)
    content, address = compiled.image.memory(), compiled.image.program_address
    program = fetch_program(content, address)
    uses = uses_of(content, program, machine)
    computes = [instruction for instruction in program if not instruction.is_load]
    seen = 0

    def compare(number, _statistics):
        nonlocal seen
        fields, use = computes[number].fields, uses[number]
        passes = passes_of(golden.chip, computes[number])
        blocks = fields["block_rows"] * fields["row_blocks"]
        idle = blocks * sum(1 - each.lanes.bit_count() / machine.lanes for each in passes)
        index = np.arange(blocks * machine.columns)
        x, y = index % fields["row_length"], index // fields["row_length"]
        inside = np.count_nonzero((x < fields["width"]) & (y < fields["height"])) / index.size
        assert use.passes == blocks * len(passes)
        assert use.idle == pytest.approx(idle)
        assert use.ragged == pytest.approx((use.passes - idle) * (1 - inside))
        seen += 1

    golden = GoldenMachine(machine, after_compute=compare)
    golden.run(content.copy(), address)
    assert seen == len(uses) > 0
