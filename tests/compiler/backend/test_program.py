import pytest

from arch.isa import CHUNK_INSTRUCTIONS, Opcode
from compiler.backend.order import arrange
from compiler.backend.program import ComputeStep, LoadStep, Program


def chain(count):
    """Each compute waits for the load before it, each load for the compute before it."""
    program, loads, computes = Program(), [], []
    for number in range(count):
        after = computes[-1] if computes else None
        loads.append(LoadStep({"opcode": Opcode.LOAD_WEIGHTS}, after, needed=number))
        computes.append(ComputeStep({"opcode": Opcode.COMPUTE}, [loads[-1]], number))
    program.steps = arrange(loads, computes)
    return program


@pytest.mark.parametrize("count", [1, 31, 32, 63, 64, 95, 200])
def test_chunks_and_counts(count):
    program = chain(count)
    program.number(0x10000)
    listing = program.listing
    code = program.encode(8)
    assert len(code) % (CHUNK_INSTRUCTIONS * 32) == 0
    chunks = len(code) // (CHUNK_INSTRUCTIONS * 32)
    loads = computes = latest = 0
    for place, (_, fields, _) in enumerate(listing):
        opcode = fields["opcode"]
        chunk = place // CHUNK_INSTRUCTIONS
        assert (opcode is Opcode.LOAD_PROGRAM) == (
            place % CHUNK_INSTRUCTIONS == 0 and chunk < chunks - 1
        )
        if opcode is Opcode.LOAD_WEIGHTS:
            assert fields["after_compute"] == computes
        if opcode is Opcode.COMPUTE:
            assert fields["after_load"] == latest
            computes += 1
        elif opcode is not Opcode.END:
            loads += 1
            latest = loads if opcode is Opcode.LOAD_WEIGHTS else latest
    assert listing[-1][1]["opcode"] is Opcode.END


def test_what_waits_for_nothing_waits_for_what_is_done():
    program = chain(2)
    program.steps.append(LoadStep({"opcode": Opcode.LOAD_WEIGHTS}))
    program.number(0)
    fields = [f for _, f, _ in program.listing]
    assert fields[4]["after_compute"] == 1
