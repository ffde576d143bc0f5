"""Arrangements: the one that is estimated to be best is best, or next to it."""

import pytest

from arch.machine import ECP5_25F, ECP5_85F
from arch.memory import IDEAL, SDR16_133
from compiler.backend.arrange import arrangements
from compiler.backend.lower import lower
from compiler.flow import compiled
from compiler.frontend.pipeline import read_network
from tests.sim.test_run import EXAMPLE

EXAMPLES = EXAMPLE.parent
SHAPES = EXAMPLE / "shapes.onnx"


def arranged(path, machine, memory):
    network = read_network(path)
    results = {output.tensor for output in network.outputs}
    return network, arrangements(lower(network, machine), machine, memory, results)


@pytest.mark.parametrize("name", ["shapes/shapes", "bccd/bccd_mpq", "bccd/bccd_w4a4"])
@pytest.mark.parametrize("memory", [IDEAL, SDR16_133], ids=lambda memory: memory.name)
def test_the_order_is_that_of_predicted_cycles(name, memory):
    path = EXAMPLES / f"{name}.onnx"
    network, found = arranged(path, ECP5_85F, memory)
    cycles = [compiled(network, ECP5_85F, memory, each).prediction.cycles for each in found]
    assert cycles[0] <= 1.02 * min(cycles)
    if memory is SDR16_133:  # what stays on chip is worth a tenth of the frame or so
        assert len(found) > 1
        assert cycles == sorted(cycles)
        assert cycles[0] < 0.92 * cycles[-1]


def test_the_last_keeps_nothing_on_chip():
    _, found = arranged(SHAPES, ECP5_85F, SDR16_133)
    assert [bool(each.residency.chip_maps) for each in found] == [True] * (len(found) - 1) + [False]


def test_machines_that_cannot_keep_results_have_one():
    _, found = arranged(SHAPES, ECP5_25F, SDR16_133)
    assert len(found) == 1
