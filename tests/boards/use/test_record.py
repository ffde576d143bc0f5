"""Records of board designs can be put into the README's table, and say what was measured."""

from boards.figures import KEYS, figure_table, read_records
from boards.use.record import bitstream_records, write_records

REPORT = {
    "board": "ulx3s-25f", "machine": "ecp5_25f", "clock_mhz": 85.0, "possible_mhz": 90.5,
    "slowest_path": "from a to b", "memory_phase_ns": 7.353, "baud": 3e6, "seed": 2,
    "seconds": 1234.5,
    "used": {"slots": 19000, "flip_flops": 21000, "block_rams": 56, "multipliers": 0},
    "available": {"slots": 24288, "flip_flops": 24288, "block_rams": 56, "multipliers": 28},
    "tools": {"amaranth": "0.5"},
}  # fmt: skip


def test_records_of_a_bitstream(tmp_path):
    records = bitstream_records(REPORT, 99_219)
    for record in records:
        assert set(KEYS) <= set(record)
        assert record["command"] == (
            "python -m boards build BUILD --board ulx3s-25f --clock 85 --seed 2"
        )
    write_records(tmp_path / "boards.json", records)
    table = figure_table(read_records(tmp_path))
    assert "| measured | clock that would be possible | clock of its PLL | slots |" in table
    assert "board design, ulx3s-25f with ecp5_25f](bench/boards.json) | 90.5 MHz |" in table
    assert "| 19,000 of 24,288 LUT4 slots |" in table
