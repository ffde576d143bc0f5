"""Generated parts of pages: between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``."""

from pathlib import Path

from arch.files import read_text, write_whole
from quant.errors import TrainingError


def write_page(page: Path, name: str, text: str) -> None:
    """Put ``text`` between a page's markers; raises :class:`TrainingError` where it has none."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    try:
        before, rest = read_text(page).split(begin)
        _, after = rest.split(end)
    except ValueError:
        raise TrainingError(f"{page}: needs one line {begin!r}, and after it one {end!r}") from None
    write_whole(page, f"{before}{begin}\n{text}\n{end}{after}")
