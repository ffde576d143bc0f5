"""Maps that stay on chip: they hold the network's codes, and nothing depends on timing."""

from dataclasses import replace

import numpy as np
import pytest

from arch.isa import Opcode
from arch.machine import ECP5_25F, ECP5_45F, ECP5_85F, TINY
from arch.memory import SDR16_133
from compiler.backend.program import assemble
from compiler.describe import describe
from compiler.flow import Compiled, compile_network
from golden.machine import GoldenMachine, check_races
from golden.program import MachineError, fetch_program
from host.memory import write_picture
from tests.samples.machines import SMALL16
from tests.samples.networks import Builder
from tests.samples.programs import differing_codes
from tests.samples.staying import staying

ALL = {"thin", "wide", "other", "residual", "half", "window", "mixed", "large", "pooled"}
BOTH = "residual@stride2"
"""Computed again for the reader of stride 2."""


def stays(network, machine) -> set[str]:
    return set(compile_network(network, machine, SDR16_133).plan.chip_maps)


@pytest.mark.parametrize("machine", [SMALL16, ECP5_45F, ECP5_85F], ids=lambda m: m.name)
@pytest.mark.parametrize("size", [(24, 32), (26, 36), (22, 34)])
def test_codes_on_chip_are_those_of_the_network(machine, size, seed):
    network, picture = staying(seed, *size)
    result = differing_codes(network, picture, machine, SDR16_133, races=True)
    assert result
    assert not any(result.values()), result


def test_results_wider_than_rows_on_chip(seed):
    """Padding to both sides: the halo of a row, which rows share, does not hold all of it."""
    b = Builder(seed, 16, 16)
    b.conv("in", "stem", 16, 3)
    b.conv("stem", "padded", 64, 1, pad=2)
    b.conv("padded", "wide", 64, 1, pad=3)
    b.conv("wide", "head", 5, 1, raw=True)
    network, picture = b.network("head"), b.picture()
    assert "padded" in stays(network, ECP5_85F)
    result = differing_codes(network, picture, ECP5_85F, SDR16_133)
    assert result
    assert not any(result.values()), result


def test_all_kinds_of_maps_stay():
    assert stays(staying(1)[0], ECP5_85F) == ALL | {BOTH}


@pytest.mark.parametrize("machine", [TINY, ECP5_25F], ids=lambda m: m.name)
def test_machines_of_eight_rows_keep_none(machine):
    assert not stays(staying(1)[0], machine)


def test_fewer_bytes_move_and_fewer_cycles_pass():
    network, _ = staying(2, 48, 64)
    kept = compile_network(network, ECP5_85F, SDR16_133)
    plain = compile_network(network, replace(ECP5_85F, activation_words=128), SDR16_133)
    moved = [each.prediction.read_beats + each.prediction.write_beats for each in (kept, plain)]
    print(kept.prediction.cycles, plain.prediction.cycles, moved)
    assert kept.plan.chip_maps
    assert moved[0] < moved[1]
    assert kept.prediction.cycles < plain.prediction.cycles


def memory_of(compiled: Compiled, picture, change) -> np.ndarray:
    """Memory before a run, with a program whose instructions' fields went through ``change``."""
    content = compiled.image.memory()
    write_picture(content, describe(compiled), picture)
    changed = [replace(step, fields=change(dict(step.fields))) for step in compiled.schedule.order]
    address = compiled.plan.program_address
    code = assemble(changed, address, compiled.machine.beat_bytes).code
    content[address : address + len(code)] = np.frombuffer(code, np.uint8)
    return content


@pytest.fixture(scope="module")
def compiled():
    network, picture = staying(3)
    return compile_network(network, SMALL16, SDR16_133), picture


def test_who_does_not_wait_for_results_is_found(compiled):
    def change(fields):
        return fields | ({"after_results": 0} if fields["opcode"] is Opcode.COMPUTE else {})

    content = memory_of(*compiled, change)
    with pytest.raises(MachineError, match="after_results is missing"):
        check_races(SMALL16, content, compiled[0].plan.program_address)


def test_loads_beside_results_share(compiled):
    """And their time is left to others only where it has to be."""
    program = fetch_program(compiled[0].image.memory(), compiled[0].plan.program_address)
    maps = [each.fields["shares"] for each in program if each.fields["opcode"] is Opcode.LOAD_MAP]
    assert 0 < sum(maps) < len(maps)


def test_results_over_the_own_input_are_found(compiled):
    def change(fields):
        if fields.get("on_chip"):
            fields["address"] = fields["address"] >> 16 << 16 | fields["source"]
        return fields

    content = memory_of(*compiled, change)
    with pytest.raises(MachineError, match="writes over its own input"):
        GoldenMachine(SMALL16).run(content, compiled[0].plan.program_address)
