"""Cells of logic tiles in Verilog."""

from collections import defaultdict

from boards.readback.cells import LogicTiles


def test_flip_flops_of_a_whole_device():
    """All of one clock: no line is longer for their number, as Verilator takes no such lines."""

    def net(row, column, pin):
        return "clk" if pin.startswith("CLK") else "data"

    def sources(row, column, pin):
        return ["CLK0"] if pin.startswith("MUXCLK") else []

    tiles = LogicTiles(net, sources, defaultdict(dict))
    for number in range(24_000):
        tiles.make((number, 2, "Q0_SLICE"), f"q{number}")
    lines = tiles.finish()
    assert max(map(len, lines)) < 100
    text = "\n".join(lines)
    assert text.count("always @(posedge clk)") == 1
    for assigned in (" = 1'b1;", " <= 1'b1;", " <= data;"):
        assert text.count(assigned) == 24_000
