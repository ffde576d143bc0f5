"""The README's table: current, and made of complete records."""

import json
from pathlib import Path

import pytest

from boards.__main__ import main
from boards.figures import (
    BEGIN,
    END,
    FigureError,
    figure_table,
    insert_table,
    read_records,
)

ROOT = Path(__file__).resolve().parents[2]
RECORD = {"name": "array.clock", "value": 173.2, "unit": "MHz", "better": "higher", "config": {},
          "tools": {}}  # fmt: skip


def test_the_committed_table_is_current():
    page = (ROOT / "README.md").read_text()
    table = figure_table(read_records(ROOT / "bench"))
    assert insert_table(page, table) == page, "README.md is out of date; run: make bench"


def recorded(folder, name, **figures):
    """Write a file of ``bench/`` with these records."""
    content = [RECORD | {"label": label} | figure for label, figure in figures.items()]
    (folder / name).write_text(json.dumps(content))


def test_files_with_the_same_figures_share_a_table(tmp_path):
    clock = {"value": 173.2, "seeds": {"1": 170.1, "2": 173.2, "3": 180.0}}
    size = {"value": 12345, "unit": "slots", "available": 24288, "seeds": {"1": 5, "2": 5},
            "command": "make synth"}  # fmt: skip
    recorded(tmp_path, "a.json", **{"core: clock": clock, "core: slots": size})
    recorded(tmp_path, "b.json", **{"array: clock": {}})
    recorded(tmp_path, "c.json", **{"other: clock": {}, "other: slots": size})
    assert figure_table(read_records(tmp_path)).splitlines() == [
        "| measured | clock | slots | again with |",
        "|---|---|---|---|",
        "| [core](bench/a.json) | 173.2 MHz (median of 3 seeds, 170.1 to 180.0) | "
        "12,345 of 24,288 slots | `make synth` |",
        "| [other](bench/c.json) | 173.2 MHz | 12,345 of 24,288 slots | `make synth` |",
        "",
        "| measured | clock | again with |",
        "|---|---|---|",
        "| [array](bench/b.json) | 173.2 MHz |  |",
    ]


def test_records_without_a_label(tmp_path):
    (tmp_path / "array.json").write_text(json.dumps([RECORD]))
    assert figure_table(read_records(tmp_path)).splitlines() == [
        "| measured | array.clock | again with |",
        "|---|---|---|",
        "| [array.json](bench/array.json) | 173.2 MHz |  |",
    ]


def test_no_records(tmp_path):
    assert figure_table(read_records(tmp_path)) == "*No figures recorded yet.*"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("{}", "must be a list of records, not dict"),
        (json.dumps([{"name": "x"}]), "a record lacks value, unit, better, config, tools"),
        (json.dumps([RECORD | {"better": "big"}]), "'better' must be higher or lower"),
    ],
)
def test_broken_records_are_named(tmp_path, content, message):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(FigureError, match=rf"bad.json: .*{message}"):
        read_records(tmp_path)


def test_insertion_keeps_the_page():
    page = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    assert insert_table(page, "new") == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert insert_table(insert_table(page, "new"), "old") == page


@pytest.mark.parametrize("page", ["", f"{END}\n{BEGIN}", f"{BEGIN}{BEGIN}{END}"])
def test_pages_without_a_place(page):
    with pytest.raises(FigureError, match="the page needs one line"):
        insert_table(page, "new")


def test_the_command_line(tmp_path, capsys):
    def message(*given) -> str:
        assert main(["figures", *(str(each) for each in given)]) == 2
        return capsys.readouterr().err

    page = tmp_path / "page.md"
    assert "No such file or directory" in message(page)
    page.write_text(f"{BEGIN}\n{END}")
    assert "no such folder; name that of the records" in message(page, "--bench", tmp_path / "no")
    assert main(["figures", str(page), "--bench", str(tmp_path)]) == 0
    assert page.read_text() == f"{BEGIN}\n*No figures recorded yet.*\n{END}"
    page.write_bytes(b"\xff")
    assert "it is no text in UTF-8" in message(page)
