"""The trade as one SVG: error of the heads against what a frame costs."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 440, 80, 130, 46, 56
LEAST = 1e-6
"""Of an error, on a logarithmic axis."""


@dataclass(frozen=True)
class Mark:
    """One network that was made and measured."""

    name: str
    cost: float
    error: float
    chosen: bool = False


@dataclass(frozen=True)
class Axes:
    """From costs and errors to pixels: costs evenly, errors by their logarithms."""

    most: float
    low: float
    high: float

    def x(self, cost: float) -> float:
        """From the left."""
        return LEFT + cost / self.most * (WIDTH - LEFT - RIGHT)

    def y(self, error: float) -> float:
        """From the top."""
        share = (math.log10(max(error, LEAST)) - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM)


def plot(
    title: str,
    unit: str,
    trade: Sequence[tuple[float, float]],
    marks: Sequence[Mark],
    limit: float,
) -> str:
    """A whole SVG file. ``trade``: estimates (cost, error); ``limit``: the budget."""
    errors = [max(error, LEAST) for _, error in trade] + [max(m.error, LEAST) for m in marks]
    costs = [cost for cost, _ in trade] + [mark.cost for mark in marks] + [limit]
    low, high = math.floor(math.log10(min(errors))), math.ceil(math.log10(max(errors)))
    axes = Axes(max(costs) * 1.05, low, max(high, low + 1))
    line = " ".join(f"{axes.x(cost):.1f},{axes.y(error):.1f}" for cost, error in trade)
    parts = [
        f'<text x="{LEFT}" y="22" font-size="15">{escape(title)}</text>',
        *_grid(axes, unit),
        f'<line x1="{axes.x(limit):.1f}" y1="{TOP}" x2="{axes.x(limit):.1f}" '
        f'y2="{HEIGHT - BOTTOM}" stroke="#c62828" stroke-dasharray="5 4"/>',
        f'<text x="{axes.x(limit) + 4:.1f}" y="{TOP + 11}" fill="#c62828">budget</text>',
        f'<polyline points="{line}" fill="none" stroke="#1565c0"/>',
        *(_mark(axes, mark) for mark in marks),
        f'<text x="{WIDTH - RIGHT + 8}" y="{HEIGHT - BOTTOM - 30}" fill="#1565c0">line: estimate'
        "</text>",
        f'<text x="{WIDTH - RIGHT + 8}" y="{HEIGHT - BOTTOM - 14}">points: made</text>',
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">\n'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _grid(axes: Axes, unit: str) -> list[str]:
    """Lines and numbers of both axes."""
    parts, right, base = [], WIDTH - RIGHT, HEIGHT - BOTTOM
    for power in range(int(axes.low), int(axes.high) + 1):
        y = axes.y(10.0**power)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{right}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>'
        )
    step = 10.0 ** math.floor(math.log10(axes.most))
    step = next(s for s in (step / 5, step / 2, step, 2 * step) if axes.most / s <= 8)
    for number in range(int(axes.most / step) + 1):
        x = axes.x(number * step)
        parts.append(f'<line x1="{x:.1f}" y1="{TOP}" x2="{x:.1f}" y2="{base}" stroke="#eee"/>')
        parts.append(
            f'<text x="{x:.1f}" y="{base + 16}" text-anchor="middle">{number * step / 1e6:g}</text>'
        )
    middle = (LEFT + right) / 2
    parts.append(f'<text x="{middle}" y="{HEIGHT - 18}" text-anchor="middle">{escape(unit)}</text>')
    centre = (TOP + base) / 2
    parts.append(
        f'<text x="18" y="{centre}" text-anchor="middle" transform="rotate(-90 18 {centre})">'
        "error of the heads, share of their variance</text>"
    )
    return parts


def _mark(axes: Axes, mark: Mark) -> str:
    x, y = axes.x(mark.cost), axes.y(mark.error)
    colour, size = ("#2e7d32", 6) if mark.chosen else ("#444", 4)
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}" fill="{colour}"/>'
        f'<text x="{x + 8:.1f}" y="{y - 6:.1f}" fill="{colour}">{escape(mark.name)}</text>'
    )
