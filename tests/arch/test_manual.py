"""The generated manual is the committed one."""

from pathlib import Path

from amaranth.lib import data

from arch import isa
from arch.manual import manual, source_comments
from arch.registers import ErrorCode, Register

MANUAL = Path(__file__).resolve().parents[2] / "docs" / "isa.md"


def test_the_committed_manual_is_current():
    message = "docs/isa.md is out of date; run: python -m arch.manual > docs/isa.md"
    assert MANUAL.read_text() == manual(), message


def test_it_names_every_field_register_and_code():
    text = manual()
    for struct in (isa.Load, isa.Compute, isa.Entry, isa.EntryGroup):
        for name, _ in data.Layout.cast(struct):
            assert f"| `{name}` |" in text
    for member in (*Register, *ErrorCode, *isa.Opcode):
        assert f"| `{member.name}` |" in text


def test_comments_come_from_the_source():
    class Sizes:
        #: First line
        #: and second.
        rows: int
        columns: int = 3  # beside it
        plain = 4

    comments = source_comments(Sizes)
    assert comments["rows"] == "First line and second."
    assert comments["columns"] == "beside it"
    assert not comments["plain"]
