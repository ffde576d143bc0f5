"""Names the path that limits the clock, from nextpnr's report."""

import re

_CELL_NAME = re.compile(r"_(LUT4|TRELLIS_FF|CCU2C|TRELLIS_DPR16X4|DP16KD|PFUMX|L6MUX21)_.*")
"""What yosys appends to the name of a net to name its cells."""
CARRY = ("FCI", "FCO")


def slowest_path(report: dict) -> str:
    """Return the slowest path between registers in words; "" where the report names none.

    For example ``11.2 ns, of it 8.9 ns wire, 3 steps: core.a.count -> core.b.word``: a step is a
    LUT or a whole carry chain.
    """
    paths = [
        path["path"]
        for path in report.get("critical_paths", [])
        if "async" not in path["from"] + path["to"] and path["path"]
    ]
    if not paths:
        return ""
    path = max(paths, key=lambda path: sum(part["delay"] for part in path))
    total = sum(part["delay"] for part in path)
    wire = sum(part["delay"] for part in path if part["type"] == "routing")
    steps = sum(part["type"] == "logic" and part["to"]["port"] not in CARRY for part in path)
    first, last = _name(path[0]["from"]["cell"]), _name(path[-1]["to"]["cell"])
    return f"{total:.1f} ns, of it {wire:.1f} ns wire, {steps} steps: {first} -> {last}"


def _name(cell: str) -> str:
    return _CELL_NAME.sub("", cell)
