import numpy as np
import pytest

from arch.isa import Opcode
from compiler.backend.order import LOOK_AHEAD, arrange, load_order
from compiler.backend.steps import ComputeStep, LoadStep


def computes(count, cycles=100):
    return [ComputeStep({"opcode": Opcode.COMPUTE}, k, cycles) for k in range(count)]


def load(after, needed, cycles=10):
    return LoadStep({"opcode": Opcode.LOAD_MAP}, needed, after, cycles=cycles)


def test_of_those_that_need_not_wait_the_sooner_needed_goes_first():
    steps = computes(8)
    late, soon = load(-1, 6), load(-1, 2)
    assert load_order([late, soon], steps) == [soon, late]


def test_a_long_load_does_not_pass_an_urgent_one_that_can_start():
    steps = computes(8)
    urgent = load(1, 3)
    long = load(0, 7, cycles=1000)
    first = load(-1, 0)
    assert load_order([long, urgent, first], steps) == [first, long, urgent]
    # In pieces, the urgent one slips in between.
    pieces = [load(0, 7, cycles=100) for _ in range(4)]
    order = load_order([*pieces, urgent, load(-1, 0)], steps)
    assert 1 < order.index(urgent) < 5


def test_a_load_stands_behind_what_it_waits_for_and_before_who_needs_it():
    steps = computes(20)
    near, far = load(1, 3), load(2, 15)
    order = arrange([far, near], steps)
    assert order.index(near) == order.index(steps[3]) - 1
    assert order.index(far) == order.index(steps[3 + LOOK_AHEAD]) - 1


@pytest.mark.parametrize("seed", range(20))
def test_every_load_has_a_place(seed):
    rng = np.random.default_rng(seed)
    steps = computes(30)
    loads = []
    for _ in range(60):
        needed = int(rng.integers(30))
        after = int(rng.integers(-1, needed)) if needed else -1
        loads.append(load(after, needed, cycles=int(rng.integers(1, 400))))
    order = arrange(loads, steps)
    assert [step for step in order if isinstance(step, ComputeStep)] == steps
    assert len(order) == 90
    for one in loads:
        assert order.index(one) < order.index(steps[one.needed])
        assert one.after == -1 or order.index(steps[one.after]) < order.index(one)
