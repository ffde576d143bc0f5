import pytest

from arch.machine import TINY
from compiler.disassemble import disassemble
from compiler.flow import compile_network
from host.image import ImageError
from tests.samples.networks import everything


@pytest.fixture(scope="module")
def compiled():
    return compile_network(everything(0, 16, 24)[0], TINY)


def test_every_instruction_is_listed(compiled):
    lines = list(disassemble(compiled.image))
    assert len(lines) == len(compiled.program.instructions)
    assert "LOAD_TABLE" in lines[1]
    assert lines[-1].split()[-1] == "END"
    assert any("COMPUTE" in line and "add_ones=1" in line for line in lines)


def test_tables(compiled):
    lines = list(disassemble(compiled.image, tables=True))
    entries = sum(job.tiled.packed.table.size for job in compiled.plan.jobs)
    assert len(lines) == len(compiled.program.instructions) + entries
    assert any(line.endswith("capture pool_first pool_last") for line in lines)


def test_damaged_program(compiled):
    image = compile_network(everything(0, 16, 24)[0], TINY).image
    address, code = image.sections[-1]
    image.sections[-1] = (address, bytes(len(code)))
    with pytest.raises(ImageError, match="instruction 0 at .* is illegal"):
        list(disassemble(image))
