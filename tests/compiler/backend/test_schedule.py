"""Steps on small networks: what waits for what, and what is loaded how often."""

import pytest

from arch.isa import Opcode
from arch.machine import ECP5_25F, TINY
from compiler.backend.buffers import NOTHING
from compiler.backend.schedule import pieces
from compiler.backend.steps import ComputeStep, LoadStep
from compiler.flow import compile_network
from tests.samples.networks import Builder, everything


def steps(network, machine=TINY):
    return compile_network(network, machine).schedule


def two_layers(outputs=8, height=6):
    b = Builder(0, height, 6)
    b.conv("in", "first", outputs, 3)
    b.conv("first", "head", 3, 1, raw=True)
    return b.network("head")


def of(opcode, found):
    return [step for step in found if step.fields["opcode"] is opcode]


def test_long_loads_are_cut_by_rows():
    fields = {
        "opcode": Opcode.LOAD_MAP, "address": 1000, "rows": 10, "beats": 100, "row_bytes": 800,
        "row_step": 50, "destination": 4000,
    }  # fmt: skip
    parts = pieces(fields, TINY)
    assert [part["rows"] for part in parts] == [1] * 10  # two cycles a beat
    assert [part["address"] for part in parts] == [1000 + 800 * k for k in range(10)]
    assert [part["destination"] for part in parts] == [4000, 4050, *range(4, 404, 50)]
    assert pieces(fields | {"rows": 1}, TINY) == [fields | {"rows": 1}]


def test_a_layer_waits_until_the_rows_that_it_reads_are_stored():
    found = steps(two_layers())
    writers = [step.ordinal for step in found.computes if step.job == 0]
    loads = of(Opcode.LOAD_MAP, found.loads)
    assert loads
    for load in loads:
        assert load.stored in writers
        assert found.computes[load.needed].job == 1
    assert loads[-1].stored == writers[-1]


def test_constants_wait_for_nothing_while_there_is_room():
    found = steps(two_layers())
    inputs = Opcode.LOAD_MAP, Opcode.LOAD_PICTURE
    constants = [step for step in found.loads if step.fields["opcode"] not in inputs]
    assert {step.awaits for step in constants} == {NOTHING}
    assert len(of(Opcode.LOAD_TABLE, constants)) == len(of(Opcode.LOAD_WEIGHTS, constants)) == 2
    assert len(of(Opcode.LOAD_THRESHOLDS, constants)) == 1


def test_tiles_go_to_and_fro_over_row_blocks():
    """Three row blocks and two sets of thresholds: those used last stay for the next tile."""
    found = steps(two_layers(outputs=24, height=900))
    first = [step for step in found.computes if step.job == 0]
    tiles = len(first) // 3
    assert tiles > 1
    assert len(of(Opcode.LOAD_THRESHOLDS, found.loads)) == 3 + (tiles - 1)
    weights = [step.fields["weight_base"] for step in first[:6]]
    assert weights[:3] == weights[:2:-1]


@pytest.mark.parametrize("machine", [TINY, ECP5_25F], ids=lambda m: m.name)
def test_order_has_every_step_once_and_computes_in_order(machine):
    found = steps(everything(1, 16, 24)[0], machine)
    assert [s for s in found.order if isinstance(s, ComputeStep)] == list(found.computes)
    assert {id(s) for s in found.order} == {id(s) for s in (*found.loads, *found.computes)}
    done = NOTHING
    for step in found.order:
        if isinstance(step, LoadStep):
            assert step.after <= done < step.needed
        else:
            done = step.ordinal


def test_an_upsample_writes_each_result_four_times():
    b = Builder(0, 6, 6)
    b.conv("in", "a", 8, 3)
    b.upsample("a", "up")
    b.conv("up", "head", 3, 1, raw=True)
    found = steps(b.network("head"))
    addresses = [step.fields["address"] for step in found.computes if step.job == 1]
    assert len(set(addresses)) == len(addresses) == 4
