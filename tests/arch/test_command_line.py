"""Help texts."""

import argparse

from arch.command_line import Help


def test_defaults_are_shown_where_there_are_any():
    parser = argparse.ArgumentParser(formatter_class=Help)
    parser.add_argument("--seed", type=int, default=1, help="of the dice")
    parser.add_argument("--out", help="folder")
    text = parser.format_help()
    assert "of the dice (default: 1)" in text
    assert "None" not in text
