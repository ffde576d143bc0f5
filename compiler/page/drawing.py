"""Bars and tracks as SVG: text, coordinates and colours, nothing about builds."""

from collections.abc import Iterable, Sequence
from html import escape

LEAST_PIXELS = 0.4
"""Rectangles of one colour that lie nearer to each other are drawn as one."""


def stacked_bar(parts: Sequence[tuple[str, float, str]], whole: float, width: int) -> str:
    """One bar of ``parts`` (colour, size, title), ``whole`` being ``width`` pixels."""
    x, drawn = 0.0, []
    for colour, size, title in parts:
        if size > 0:
            wide = size / whole * width
            drawn.append(_rectangle(x, 0, wide, 14, colour, title))
            x += wide
    return (
        f'<svg width="{width}" height="14" viewBox="0 0 {width} 14" role="img">'
        f"{''.join(drawn)}</svg>"
    )


def tracks(
    rows: Sequence[tuple[str, Iterable[tuple[int, int, str, str]]]], cycles: int, width: int
) -> str:
    """Rows of intervals (first cycle, last cycle, colour, title) above each other, on one axis."""
    label, high = 70, 22
    drawn = []
    for number, (name, intervals) in enumerate(rows):
        y = number * (high + 6) + 4
        drawn.append(f'<text x="0" y="{y + 15}">{escape(name)}</text>')
        for first, last, colour, title in _joined(intervals, cycles / width * LEAST_PIXELS):
            x = label + first / cycles * width
            wide = max((last + 1 - first) / cycles * width, LEAST_PIXELS)
            drawn.append(_rectangle(x, y, wide, high, colour, title))
    bottom = len(rows) * (high + 6) + 4
    drawn += _axis(cycles, width, label, bottom)
    total = label + width + 60
    return (
        f'<svg width="{total}" height="{bottom + 24}" viewBox="0 0 {total} {bottom + 24}" '
        f'role="img">{"".join(drawn)}</svg>'
    )


def _joined(
    intervals: Iterable[tuple[int, int, str, str]], near: float
) -> Iterable[tuple[int, int, str, str]]:
    held: tuple[int, int, str, str] | None = None
    for first, last, colour, title in intervals:
        if held and held[2:] == (colour, title) and first - held[1] <= near + 1:
            held = (held[0], max(held[1], last), colour, title)
            continue
        if held:
            yield held
        held = (first, last, colour, title)
    if held:
        yield held


def _axis(cycles: int, width: int, label: int, y: int) -> list[str]:
    step = next(
        digit * 10**power
        for power in range(len(str(cycles)))
        for digit in (1, 2, 5)
        if cycles <= 12 * digit * 10**power
    )
    drawn = [f'<line x1="{label}" y1="{y}" x2="{label + width}" y2="{y}" class="axis"/>']
    for at in range(0, cycles + 1, step):
        x = label + at / cycles * width
        drawn.append(f'<line x1="{x:.1f}" y1="{y}" x2="{x:.1f}" y2="{y + 5}" class="axis"/>')
        drawn.append(f'<text x="{x:.1f}" y="{y + 18}">{at:,}</text>')
    return drawn


def _rectangle(x: float, y: float, wide: float, high: int, colour: str, title: str) -> str:
    return (
        f'<rect x="{x:.2f}" y="{y}" width="{wide:.2f}" height="{high}" fill="{colour}">'
        f"<title>{escape(title)}</title></rect>"
    )
