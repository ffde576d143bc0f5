"""docs/networks.md shows what the records in ``bench/networks`` hold."""

import json
from pathlib import Path

import pytest

from compiler.survey_rows import rows_of, table

ROOT = Path(__file__).resolve().parent.parent
RECORDS = sorted((ROOT / "bench" / "networks").glob("*.json"))


def block(name: str) -> list[str]:
    """The lines between the marks of a record."""
    page = (ROOT / "docs" / "networks.md").read_text()
    _, _, rest = page.partition(f"<!-- begin {name} -->\n")
    lines, mark, _ = rest.partition(f"<!-- end {name} -->")
    assert mark, f"docs/networks.md has no block {name}"
    return lines.splitlines()


@pytest.mark.parametrize("record", RECORDS, ids=lambda path: path.stem)
def test_tables_are_current(record):
    """Of files and targets that build; what is refused is told in words."""
    rows = rows_of(json.loads(record.read_text()))
    lines = [line for line in table(rows) if line.startswith("|") and "see below" not in line]
    assert block(record.stem) == lines
    assert not any(frame.differs for row in rows for frame in row.frames)


@pytest.mark.parametrize("folder", ["frames", "low_bit"])
def test_frames_are_current(folder):
    """A row for each record: what was simulated, its codes, cycles and, where told, bytes."""
    records = sorted((ROOT / "bench" / "networks" / folder).glob("*.json"))
    rows = block(folder)[2:]
    assert len(rows) == len(records)
    for path, line in zip(records, rows, strict=True):
        values = {each["name"].rsplit(".", 1)[1]: each for each in json.loads(path.read_text())}
        config = values["cycles"]["config"]
        link = f"[{path.stem}](../bench/networks/{folder}/{path.name})"
        told = [values[name]["value"] for name in ("codes", "cycles", "bytes") if name in values]
        cells = [link, f"{config['machine']}, {config['memory']['name']}"]
        assert line == f"| {' | '.join(cells + [f'{value:,}' for value in told])} |"
