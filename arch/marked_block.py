"""Generated parts of written pages: a block between two marks, each a line of its own."""


def with_block(page: str, begin: str, end: str, block: str) -> str:
    """Return the page with ``block`` between the marks; ValueError unless each is there once."""
    if page.count(begin) != 1 or page.count(end) != 1 or page.index(begin) > page.index(end):
        raise ValueError(f"the page needs one line {begin!r} and after it one line {end!r}")
    before, rest = page.split(begin)
    _, after = rest.split(end)
    return f"{before}{begin}\n{block}\n{end}{after}"
