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
READ = "s_axil_rdata <= registers[s_axil_araddr[5:2]]"
CHOSEN = """
    wire [31:0] chosen;
    for (genvar i = 0; i < 32; i = i + 1) begin
        wire low, high;
        wire [3:0] of_two;
        for (genvar j = 0; j < 4; j = j + 1) begin
            wire even, odd;
            wire [31:0] one = registers[{s_axil_araddr[5], j[1:0], 1'b0}];
            wire [31:0] next = registers[{s_axil_araddr[5], j[1:0], 1'b1}];
            LUT4 #(.INIT(16'hAAAA)) a (.A(one[i]), .B(1'b1), .C(1'b1), .D(1'b1), .Z(even));
            LUT4 #(.INIT(16'hAAAA)) b (.A(next[i]), .B(1'b1), .C(1'b1), .D(1'b1), .Z(odd));
            PFUMX choice (.ALUT(odd), .BLUT(even), .C0(s_axil_araddr[2]), .Z(of_two[j]));
        end
        L6MUX21 a (.D0(of_two[0]), .D1(of_two[1]), .SD(s_axil_araddr[3]), .Z(low));
        L6MUX21 b (.D0(of_two[2]), .D1(of_two[3]), .SD(s_axil_araddr[3]), .Z(high));
        L6MUX21 c (.D0(low), .D1(high), .SD(s_axil_araddr[4]), .Z(chosen[i]));
    end
"""
"""Registers that are read through multiplexers of several LUTs, which the accelerator has, too."""


def accelerator() -> str:
    text = EMPTY.read_text()
    assert text.count(READ) == text.count("registers[0:15];") == 1
    return text.replace(READ, "s_axil_rdata <= chosen").replace(
        "registers[0:15];", f"registers[0:15];{CHOSEN}"
    )


@pytest.fixture(scope="module", params=["usual", "full"])
def folder(tmp_path_factory, request):
    """A bitstream, placed and routed at once or as nearly full devices are."""
    place = tmp_path_factory.mktemp("routed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bitstream, "needs_full_flow", lambda *_: request.param == "full")
        build_bitstream(DESIGN, place, accelerator=accelerator())
    return place


def _play(files: dict[str, str]) -> tuple[list, float]:
    """What a board answers, and when the last answer was there."""
    content = random.Random(1).randbytes(1024)
    with running(DESIGN, files) as line:
        link = Link(line)
        link.write(0x40, content)
        link.write_pixels(0x800, content[:96])
        link.write_register(0x24, 0x12345678)
        link.write_register(0x20, 0x9ABCDEF0)
        told = [
            link.read_register(BoardRegister.IDENTIFIER), link.read_register(0x24),
            link.read_register(0x20), link.read(0x40, 1024), link.read(0x800, 128),
            link.read_records(0x40, 8, 64, 4),
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
    for kind in ("F5", "FX"):
        assert f"_{kind}A_SLICE = " in made.verilog, "no multiplexer was looked at"
    source, netlist = _play(source_files(folder)), _play(netlist_files(made))
    assert netlist == source
    content = random.Random(1).randbytes(1024)
    assert source[0][:4] == [BOARD_IDENTIFIER, 0x12345678, 0x9ABCDEF0, content]
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
