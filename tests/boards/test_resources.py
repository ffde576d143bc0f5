"""Blocks of hw/ take no more than the committed figures say."""

from dataclasses import replace
from pathlib import Path

import pytest

from arch.machine import machine_named
from boards.__main__ import main
from boards.resources import (
    BEGIN,
    BLOCKS,
    END,
    ResourceError,
    Size,
    growth,
    insert_blocks,
    measure_block,
    read_figures,
    size_of,
)

ROOT = Path(__file__).resolve().parents[2]
RECORD = ROOT / "bench" / "blocks" / "ecp5_25f.json"
KNOWN = Size(slots=1000, flip_flops=20, block_rams=3)


@pytest.mark.synth
@pytest.mark.parametrize("name", BLOCKS)
def test_no_block_grows(name, tmp_path):
    figures = read_figures(RECORD)
    found = measure_block(name, machine_named(figures.machine), tmp_path)
    grown = growth(name, found, figures.blocks[name])
    if grown:
        pytest.fail(f"{grown}; if that is on purpose, run: make resources", pytrace=False)


def test_the_record_has_all_blocks_and_the_page_has_the_record():
    figures = read_figures(RECORD)
    assert list(figures.blocks) == list(BLOCKS)
    page = (ROOT / "docs" / "synthesis.md").read_text()
    assert insert_blocks(page, figures) == page, "docs/synthesis.md: run make resources"
    assert RECORD.read_text() == figures.to_json()


def test_cells_are_counted_as_nextpnr_does():
    cells = {"LUT4": 188, "CCU2C": 75, "TRELLIS_DPR16X4": 33, "TRELLIS_FF": 369, "$scopeinfo": 2}
    assert size_of(cells) == Size(slots=536, flip_flops=369, block_rams=0)


def test_what_counts_as_growth():
    assert growth("a.b", KNOWN, KNOWN) == ""
    assert growth("a.b", Size(slots=1030, flip_flops=24, block_rams=2), KNOWN) == ""
    assert growth("a.b", replace(KNOWN, slots=1031, flip_flops=25), KNOWN) == (
        "hw.a.b takes 1031 slots (at most 1000 + 30), 25 flip flops (at most 20 + 4)"
    )
    assert "4 block rams (at most 3 + 0)" in growth("a.b", replace(KNOWN, block_rams=4), KNOWN)


@pytest.mark.parametrize("content", ["{", "[]", '{"machine": "tiny"}', '{"blocks": 1}'])
def test_broken_records_are_named(content, tmp_path):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(ResourceError, match=r"bad.json: not the sizes of blocks"):
        read_figures(tmp_path / "bad.json")


def test_the_command_writes_record_and_page(tool, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("boards.resources.BLOCKS", {"array.carry_element": BLOCKS["load.loader"]})
    cells = '{"LUT4": 1, "TRELLIS_FF": 2, "DP16KD": 3}'
    tool(f"""echo '{{"design": {{"num_cells_by_type": {cells}}}}}' > yosys_stat.json""")
    page, record = tmp_path / "page.md", tmp_path / "record.json"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    given = ["resources", "--machine", "tiny", "--out", str(tmp_path / "out")]
    assert main([*given, "--record", str(record), "--page", str(page)]) == 0
    row = "| `hw.array.carry_element` | 1 | 2 | 3 |"
    assert row in capsys.readouterr().out
    assert row in page.read_text()
    assert "old" not in page.read_text()
    assert read_figures(record).machine == "tiny"
    page.write_text("no markers\n")
    assert main([*given, "--page", str(page)]) == 2
    assert "the page needs one line" in capsys.readouterr().err
