"""Cells of logic tiles in Verilog."""

from collections import defaultdict

from boards.readback.cells import LogicTiles


def named(wire) -> str:
    row, column, pin = wire
    return f"r{row}c{column}_{pin}"


def test_flip_flops_of_a_whole_device():
    """All of one clock: no line is longer for their number, as Verilator takes no such lines."""

    def net(row, column, pin):
        return "clk" if pin.startswith("CLK") else "data"

    def sources(row, column, pin):
        return ["CLK0"] if pin.startswith("MUXCLK") else []

    tiles = LogicTiles(net, named, sources, defaultdict(dict))
    for number in range(24_000):
        tiles.make((number, 2, "Q0_SLICE"), f"q{number}")
    lines = tiles.finish()
    assert max(map(len, lines)) < 100
    text = "\n".join(lines)
    assert text.count("always @(posedge clk)") == 1
    for assigned in (" = 1'b1;", " <= 1'b1;", " <= data;"):
        assert text.count(assigned) == 24_000


def test_two_luts_and_what_chooses():
    """The LUTs beside a multiplexer of two are its inputs, and are made for it."""
    made = []

    def note(wire):
        made.append(wire)
        return named(wire)

    tiles = LogicTiles(lambda *at: named(at), note, lambda *_: [], defaultdict(dict))
    tiles.make((3, 4, "F5C_SLICE"), "chosen")
    assert tiles.finish() == ["assign chosen = r3c4_M4 ? r3c4_F5_SLICE : r3c4_F4_SLICE;"]
    assert sorted(made) == [(3, 4, "F4_SLICE"), (3, 4, "F5_SLICE")]


def test_multiplexers_of_four_luts_and_more():
    tiles = LogicTiles(lambda *at: named(at), named, lambda *_: [], defaultdict(dict))
    tiles.make((3, 4, "FXC_SLICE"), "chosen")
    assert tiles.finish() == ["assign chosen = r3c4_M5 ? r3c4_FXBC_SLICE : r3c4_FXAC_SLICE;"]
