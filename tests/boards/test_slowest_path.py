"""The path that limits the clock, in words."""

from boards.slowest_path import slowest_path


def part(kind, delay, source, sink):
    (from_cell, from_port), (to_cell, to_port) = source.split("."), sink.split(".")
    return {"type": kind, "delay": delay, "from": {"cell": from_cell, "port": from_port},
            "to": {"cell": to_cell, "port": to_port}}  # fmt: skip


FLIP_FLOP = "word[3]_TRELLIS_FF_Q_12"
SLOW = [
    part("clk-to-q", 0.525, f"{FLIP_FLOP}.Q", f"{FLIP_FLOP}.Q"),
    part("routing", 4.0, f"{FLIP_FLOP}.Q", "a.A"),
    part("logic", 0.447, "a.A", "a.FCO"),
    part("routing", 0.0, "a.FCO", "b.FCI"),
    part("logic", 0.443, "b.FCI", "b.F"),
    part("routing", 1.5, "b.F", "c.A"),
    part("logic", 0.236, "c.A", "c.F"),
    part("routing", 0.13, "c.F", "sum_TRELLIS_FF_Q.DI"),
    part("setup", 0.0, "sum_TRELLIS_FF_Q.DI", "sum_TRELLIS_FF_Q.DI"),
]


def test_the_slowest_path():
    paths = [
        {"from": "posedge clk", "to": "posedge clk", "path": SLOW[:2]},
        {"from": "posedge clk", "to": "posedge clk", "path": SLOW},
        {"from": "<async>", "to": "posedge clk", "path": SLOW * 2},
    ]
    found = slowest_path({"critical_paths": paths})
    assert found == "7.3 ns, of it 5.6 ns wire, 2 steps: word[3] -> sum"


def test_no_path():
    assert slowest_path({}) == ""
    empty = {"from": "posedge clk", "to": "posedge clk", "path": []}
    assert slowest_path({"critical_paths": [empty]}) == ""
