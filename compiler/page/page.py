"""The page itself: one HTML file without anything from elsewhere."""

from collections.abc import Iterator, Sequence
from html import escape

from compiler.cost.account import Account
from compiler.page.collect import Findings, Layer
from compiler.page.drawing import stacked_bar, tracks
from compiler.report import CLOCK_MHZ, piece_lines
from host.manifest import Manifest

BAR, TIMELINE = 520, 2400
"""Pixels of a layer's bar, and of the frame's time line, which scrolls."""
PARTS = (
    ("useful", "#2f7d5b", "products that the network asks for"),
    ("other", "#8fc1a9", "lanes of channels that do not exist, rows without an output, moves"),
    ("ragged", "#c9ddd2", "positions of a block that lie outside of the map"),
    ("idle", "#e4e9e6", "lane groups that a pass leaves idle"),
    ("load", "#3b6fb6", "a COMPUTE waits for what it reads (STALL_LOAD)"),
    ("output", "#b5483b", "results wait for memory to take those before (STALL_OUTPUT)"),
    ("drain", "#e0a030", "results wait for those before to leave the array (STALL_DRAIN)"),
    ("start", "#8d7bb5", "an instruction on its way to its first pass"),
    ("end", "#555555", "behind the last pass"),
)
"""Where cycles go: name, colour, meaning. The first four are passes."""
COLOURS = {name: colour for name, colour, _ in PARTS}
KINDS = {
    "constants": "#8d7bb5", "picture": "#3b6fb6", "codes": "#2f7d5b", "sums": "#b5483b",
    "program": "#555555",
}  # fmt: skip
GENERATOR = '<meta name="generator" content="onefour report">'
"""By which a page of ours is known; no other file is replaced without being asked for."""
STYLE = """
body { font: 14px/1.45 system-ui, sans-serif; color: #222; background: #fff; max-width: 1200px;
  margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em }
table { border-collapse: collapse } th, td { padding: 2px 10px 2px 0; text-align: left }
td.n, th.n { text-align: right; font-variant-numeric: tabular-nums }
tr.total td { border-top: 1px solid #888; font-weight: 600 }
.key { display: inline-block; width: 12px; height: 12px; margin-right: 6px }
.scroll { overflow-x: auto; border: 1px solid #ddd; padding: 6px }
svg text { font-size: 12px; fill: #444 } svg .axis { stroke: #888 }
"""


def page(found: Findings) -> str:
    """Return the HTML of a build's page."""
    manifest, cycles = found.manifest, found.prediction.cycles
    memory = manifest.prediction.memory
    title = f"{manifest.network} on {manifest.machine.name}, memory {memory.name}"
    body = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{cycles:,} cycles a frame: {CLOCK_MHZ * 1e6 / cycles:.1f} frames a second at "
        f"{CLOCK_MHZ:g} MHz with this memory ({escape(str(memory))}). The cycles are predicted "
        "from the program; the RTL counts the same.</p>",
        "<h2>Where every cycle went</h2>",
        *_reasons(found),
        "<h2>Layers</h2>",
        *_layers(found),
        "<h2>Time line</h2>",
        f'<div class="scroll">{_time_line(found)}</div>',
        "<p>A load reaches from its request to the last word on chip. Results reach from the first "
        "pass behind which they leave to the last answer of memory.</p>",
        "<h2>Bytes through the port</h2>",
        *_traffic(found),
        *_pieces(found.manifest),
        "<h2>Memory</h2>",
        *_memory(found),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f"{GENERATOR}"
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def shares(account: Account, bit_operations: int, products: int) -> dict[str, float]:
    """Return the cycles of an account by :data:`PARTS`; ``products`` are those of one pass."""
    use, asked = account.use, bit_operations / products
    parts = {"useful": asked, "other": use.useful - asked, "ragged": use.ragged, "idle": use.idle}
    return parts | {name: account.cycles[name] for name, _, _ in PARTS[len(parts) :]}


def _reasons(found: Findings) -> Iterator[str]:
    manifest = found.manifest
    parts = shares(found.total, manifest.bit_operations, manifest.machine.binary_macs)
    cycles = found.prediction.cycles
    yield "<table><tr><th></th><th class=n>cycles</th><th class=n>share</th><th></th></tr>"
    for name, colour, meaning in PARTS:
        count = parts[name]
        yield _row(_key(colour, name), f"{count:,.0f}", f"{count / cycles:.1%}", meaning)
    yield _row("all", f"{cycles:,}", "", "", total=True)
    yield "</table>"
    yield (
        f"<p>The first four are the {found.prediction.passes:,} cycles with a pass (PASSES), "
        "shared out by what its products are used for. The sum of all is the counter CYCLES.</p>"
    )


def _layers(found: Findings) -> Iterator[str]:
    products = found.manifest.machine.binary_macs
    longest = max(layer.account.total for layer in found.layers)
    yield "<table><tr><th>layer</th><th>result</th><th class=n>cycles</th><th>of which</th></tr>"
    for layer in found.layers:
        parts = shares(layer.account, layer.bit_operations, products)
        bar = stacked_bar(
            [
                (colour, parts[name], f"{name}: {parts[name]:,.0f}, {meaning}")
                for name, colour, meaning in PARTS
            ],
            longest,
            BAR,
        )
        yield (
            f"<tr><td>{escape(layer.name)}</td><td>{escape(layer.shape)}</td>"
            f"<td class=n>{layer.account.total:,}</td><td>{bar}</td></tr>"
        )
    yield _row("all", "", f"{sum(layer.account.total for layer in found.layers):,}", "", total=True)
    yield "</table>"


def _time_line(found: Findings) -> str:
    prediction = found.prediction
    layer_of = [""] * len(prediction.computes)
    for layer in found.layers:
        layer_of[layer.first : layer.last + 1] = [layer.name] * (layer.last + 1 - layer.first)
    loads = [
        (load.asked, load.counted, COLOURS["load"], load.opcode.name)
        for load in prediction.load_times
    ]
    passes = [
        (each.first_pass, each.last_pass, _shade(found.layers, name), name)
        for each, name in zip(prediction.computes, layer_of, strict=True)
    ]
    stores = [
        (each.first_pass, each.stored, COLOURS["output"], f"results of {name}")
        for each, name in zip(prediction.computes, layer_of, strict=True)
    ]
    rows = [("loads", loads), ("passes", passes), ("results", stores)]
    return tracks(rows, prediction.cycles, TIMELINE)


def _shade(layers: Sequence[Layer], name: str) -> str:
    """Two greens by turns, so that neighbouring layers are told apart."""
    place = next(number for number, layer in enumerate(layers) if layer.name == name)
    return (COLOURS["useful"], COLOURS["other"])[place % 2]


def _traffic(found: Findings) -> Iterator[str]:
    yield "<table><tr><th></th><th class=n>bytes</th></tr>"
    for way, amounts in (("read", found.read), ("written", found.written)):
        for name, amount in amounts.items():
            yield _row(f"{name} {way}", f"{amount:,}")
        yield _row(f"all {way}", f"{sum(amounts.values()):,}", total=True)
    yield "</table>"


def _pieces(manifest: Manifest) -> Iterator[str]:
    """What the host computes in mid-network, if it does."""
    if manifest.pieces:
        yield "<h2>On the host, between programs</h2>"
        yield "<p>The machine stands still meanwhile: its cycles are not in those above.</p>"
        yield "<ul>"
        yield from (f"<li>{escape(line)}</li>" for line in piece_lines(manifest))
        yield "</ul>"


def _memory(found: Findings) -> Iterator[str]:
    size = max(each.stop for each in found.objects)
    yield "<table><tr><th></th><th class=n>from</th><th class=n>bytes</th><th></th></tr>"
    for each in found.objects:
        bar = stacked_bar(
            [
                ("#ffffff", each.first, ""),
                (KINDS[each.kind], each.stop - each.first, f"{each.name}: {each.kind}"),
            ],
            size,
            BAR,
        )
        yield (
            f"<tr><td>{_key(KINDS[each.kind], each.name)}</td><td class=n>{each.first:#x}</td>"
            f"<td class=n>{each.stop - each.first:,}</td><td>{bar}</td></tr>"
        )
    yield "</table>"


def _key(colour: str, name: str) -> str:
    return f'<span class="key" style="background:{colour}"></span>{escape(name)}'


def _row(name: str, *cells: str, total: bool = False) -> str:
    """A row: its name (HTML), figures, and at last what is not a figure."""
    shown = "".join(
        f"<td{' class=n' if cell[:1].isdigit() or not cell else ''}>{escape(cell)}</td>"
        for cell in cells
    )
    return f"<tr{' class=total' if total else ''}><td>{name}</td>{shown}</tr>"
