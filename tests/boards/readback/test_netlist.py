"""What a bitstream does, read back from it, is what its source does: to the cycle."""

import random
from pathlib import Path

import pytest

from arch.link import BOARD_IDENTIFIER, BoardRegister
from arch.machine import TINY
from boards import bitstream
from boards.bitstream import CONFIGURATION, build_bitstream
from boards.design import Design
from boards.platforms.registry import BOARDS
from boards.use.netlist import check_round_trip, netlist_files, read_back, running, source_files
from compiler.errors import DifferenceError
from host.link import Link

DESIGN = Design(board=BOARDS["ulx3s-25f"], machine=TINY, clock_mhz=75.0, baud=12e6, silence=7500)
EMPTY = Path(__file__).parents[1] / "no_accelerator.v"


@pytest.fixture(scope="module", params=["usual", "full"])
def folder(tmp_path_factory, request):
    """A bitstream, placed and routed at once or as nearly full devices are."""
    place = tmp_path_factory.mktemp("routed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bitstream, "needs_full_flow", lambda *_: request.param == "full")
        build_bitstream(DESIGN, place, accelerator=EMPTY.read_text())
    return place


def _play(files: dict[str, str]) -> tuple[list, float]:
    """What a board answers, and when the last answer was there."""
    content = random.Random(1).randbytes(1024)
    with running(DESIGN, files) as line:
        link = Link(line)
        link.write(0x40, content)
        link.write_pixels(0x800, content[:96])
        link.write_register(0x24, 0x12345678)
        told = [
            link.read_register(BoardRegister.IDENTIFIER), link.read_register(0x24),
            link.read(0x40, 1024), link.read(0x800, 128), link.read_records(0x40, 8, 64, 4),
        ]  # fmt: skip
        memory, errors = line.get_memory(0x1000)
        assert not link.faults
        return [*told, errors, memory[0x40:0x440].tobytes()], line.now()


@pytest.mark.synth
@pytest.mark.cosim
def test_the_netlist_does_what_its_source_does(folder):
    """Memory, registers and every answer are the same, in the same picosecond."""
    made = read_back(folder)
    print(made.counts)
    assert made.counts["flip-flops"] > 1000
    source, netlist = _play(source_files(folder)), _play(netlist_files(made))
    assert netlist == source
    content = random.Random(1).randbytes(1024)
    assert source[0][:3] == [BOARD_IDENTIFIER, 0x12345678, content]
    assert source[0][-2:] == [0, content]


@pytest.mark.synth
def test_a_bitstream_of_another_configuration(folder):
    """One bit of one LUT."""
    assert check_round_trip(folder) > 100_000
    path = folder / CONFIGURATION
    text = path.read_text()
    place = text.index("K0.INIT ") + len("K0.INIT ")
    path.write_text(text[:place] + str(1 - int(text[place])) + text[place + 1 :])
    with pytest.raises(DifferenceError, match=r"board.config packs to another bitstream"):
        check_round_trip(folder)
    path.write_text(text)
