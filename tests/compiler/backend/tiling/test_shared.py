"""Jobs that look at the same tiles are computed in turn, and each tile is loaded once."""

import pytest

from arch.isa import Opcode
from arch.machine import ECP5_25F, ECP5_85F, TINY
from arch.memory import SDR16_133
from compiler.backend.lower import lower
from compiler.backend.tiling.shared import runs, side_by_side
from compiler.flow import compile_network
from tests.samples.networks import branches
from tests.samples.programs import differing_codes

MACHINES = ((TINY, 16, 32), (ECP5_25F, 48, 32), (ECP5_85F, 112, 64))


@pytest.mark.parametrize(("machine", "size", "channels"), MACHINES, ids=lambda value: str(value))
def test_every_code(machine, size, channels):
    network, picture = branches(0, size, channels)
    assert not any(differing_codes(network, picture, machine, SDR16_133, races=True).values())


def test_tiles_are_loaded_once():
    """For whichever of the jobs that share them comes first."""
    compiled = compile_network(branches(0, 16, 32)[0], TINY, SDR16_133)
    placed = compiled.plan.jobs
    shared = [number for number, each in enumerate(placed) if each.tiled.shared]
    assert {placed[number].job.name for number in shared} >= {"narrow", "bits[0]", "bits[1]"}
    for number in shared:
        assert placed[number].job.span.images == placed[number - 1].job.span.images
        assert len(placed[number].tiled.tiles) == len(placed[number - 1].tiled.tiles) > 1
        computes = sorted((*compiled.computes[number - 1], *compiled.computes[number]))
        assert computes == list(range(computes[0], computes[-1] + 1))
        maps = [
            load
            for load in compiled.schedule.loads
            if load.fields["opcode"] is Opcode.LOAD_MAP and load.needed in computes
        ]
        first = set(compiled.computes[number - 1])
        own = {load.needed for load in maps} - first
        # To and fro: in every second tile it is the other one that comes first.
        assert own <= {computes[k] for k in range(1, len(computes))}
        assert {load.needed for load in maps} & first
        places = [(load.fields["address"], load.fields["beats"]) for load in maps]
        assert len(set(places)) == len(places)


def test_jobs_stand_behind_those_that_look_at_the_same():
    jobs = lower(branches(0, 16, 32)[0], TINY).jobs
    found = side_by_side(jobs)
    assert sorted(map(id, found)) == sorted(map(id, jobs))
    names = [job.name for job in found]
    assert names.index("bits[0]") == names.index("sum[0]") + 1
    assert names.index("bits[1]") == names.index("sum[1]") + 1
    written: set[str] = {"in"}
    for job in found:
        assert written.issuperset(job.inputs)
        if not any(other.output == job.output for other in found[found.index(job) + 1 :]):
            written.add(job.output)
    assert [[found[number].name for number in numbers] for numbers in runs(found)] == [
        ["wide", "narrow"], ["sum[0]", "bits[0]"], ["sum[1]", "bits[1]"],
    ]  # fmt: skip
