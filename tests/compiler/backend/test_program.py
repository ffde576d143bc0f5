import pytest

from arch.isa import CHUNK_BYTES, CHUNK_INSTRUCTIONS, Opcode
from compiler.backend.order import arrange
from compiler.backend.program import assemble
from compiler.backend.steps import ComputeStep, LoadStep


def chain(count):
    """Each compute waits for the load before it, each load for the compute before it."""
    loads = [LoadStep({"opcode": Opcode.LOAD_WEIGHTS}, k, after=k - 1) for k in range(count)]
    computes = [ComputeStep({"opcode": Opcode.COMPUTE}, k) for k in range(count)]
    return arrange(loads, computes)


@pytest.mark.parametrize("count", [1, 31, 32, 63, 64, 95, 200])
def test_chunks_and_counts(count):
    program = assemble(chain(count), 0x10000, beat_bytes=8)
    assert len(program.code) % CHUNK_BYTES == 0
    chunks = len(program.code) // CHUNK_BYTES
    loads = computes = latest = 0
    for place, fields in enumerate(program.instructions):
        opcode = fields["opcode"]
        chunk = place // CHUNK_INSTRUCTIONS
        begins = place % CHUNK_INSTRUCTIONS == 0 and chunk < chunks - 1
        assert (opcode is Opcode.LOAD_PROGRAM) == begins
        if begins:
            assert fields["address"] == 0x10000 + (chunk + 1) * CHUNK_BYTES
        if opcode is Opcode.LOAD_WEIGHTS:
            assert fields["after_compute"] == computes
        if opcode is Opcode.COMPUTE:
            assert fields["after_load"] == latest
            computes += 1
        elif opcode is not Opcode.END:
            loads += 1
            latest = loads if opcode is Opcode.LOAD_WEIGHTS else latest
    assert program.instructions[-1]["opcode"] is Opcode.END


def test_no_chunk_is_empty():
    """63 steps and END are a chunk; another step, and the first chunk loads a second."""
    steps = [ComputeStep({"opcode": Opcode.COMPUTE}, k) for k in range(64)]
    assert len(assemble(steps[:63], 0, beat_bytes=8).code) == CHUNK_BYTES
    assert len(assemble(steps, 0, beat_bytes=8).code) == 2 * CHUNK_BYTES


def test_what_waits_for_nothing_waits_for_what_is_done():
    steps = [*chain(2), LoadStep({"opcode": Opcode.LOAD_WEIGHTS}, 2)]
    program = assemble(steps, 0, beat_bytes=8)
    assert program.instructions[4]["after_compute"] == 1
