"""The cycles of several programs, one after the other."""

from dataclasses import astuple

from arch.machine import TINY
from compiler.cost.frame import predict
from compiler.cost.segments import joined, predict_all
from compiler.flow import compile_file
from golden.machine import GoldenMachine
from tests.samples.host_pieces import attention


def test_counters_add_up_and_moments_go_on(tmp_path):
    compiled = compile_file(attention(4, 2).save(tmp_path), TINY)
    memory = compiled.image.memory()
    addresses = [segment.address for segment in compiled.segments]
    parts = [predict(memory, address, TINY) for address in addresses]
    whole = predict_all(memory, addresses, TINY)
    for name, count in whole.counters.items():
        assert count == sum(part.counters[name] for part in parts), name
    passes = [compute.first_pass for compute in whole.computes]
    assert passes == sorted(passes)
    assert whole.computes[-1].stored < whole.cycles
    first = len(parts[0].computes)
    moved = whole.computes[first].first_pass - parts[1].computes[0].first_pass
    assert moved == parts[0].cycles
    statistics = [GoldenMachine(TINY).run(memory, address) for address in addresses]
    assert sum(each.passes for each in statistics) == whole.passes


def test_one_program_is_itself(tmp_path):
    compiled = compile_file(attention(4).save(tmp_path), TINY)
    part = predict(compiled.image.memory(), compiled.image.program_address, TINY)
    assert astuple(joined([part])) == astuple(part)
