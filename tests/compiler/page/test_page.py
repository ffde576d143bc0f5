"""The page of a build: its figures are the build's, and it needs nothing from elsewhere."""

import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest

import compiler.__main__
from compiler.build_folder import read_build
from compiler.page.collect import collect
from compiler.page.drawing import stacked_bar, tracks
from compiler.page.page import PARTS, page, shares

MODEL = Path(__file__).resolve().parents[3] / "examples" / "shapes" / "shapes.onnx"
VOID = {"meta", "br"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "build"
    given = ["build", str(MODEL), "--board", "ecp5-25f", "--no-check", "--no-verilog"]
    assert compiler.__main__.main([*given, "-o", str(path)]) == 0
    return path


class Balanced(HTMLParser):
    """Every element that is opened is closed, in order."""

    def __init__(self):
        super().__init__()
        self.opened = []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag):
        assert self.opened.pop() == tag


def test_a_page(folder, capfd):
    assert compiler.__main__.main(["report", str(folder)]) == 0
    target = folder.with_suffix(".html")
    assert capfd.readouterr().out.startswith(f"{target}: ")
    text = target.read_text()
    parser = Balanced()
    parser.feed(text)
    assert parser.opened == []
    assert not re.search(r"https?:|src=|@import|<script", text)
    build = read_build(folder)
    cycles = build.manifest.prediction.cycles
    assert f"<td class=n>{cycles:,}</td>" in text
    for layer in build.manifest.layers:
        assert layer.onnx in text
    assert compiler.__main__.main(["report", str(folder)]) == 0  # again: a page of ours


def test_figures_add_up(folder):
    found = collect(read_build(folder))
    products = found.manifest.machine.binary_macs
    cycles = found.prediction.cycles
    assert cycles == found.manifest.prediction.cycles
    parts = shares(found.total, found.manifest.bit_operations, products)
    assert list(parts) == [name for name, _, _ in PARTS]
    assert sum(parts.values()) == pytest.approx(cycles)
    assert min(parts.values()) >= 0
    assert sum(layer.account.total for layer in found.layers) == cycles
    machine = found.manifest.machine
    beat_bytes, transfer_bytes = machine.beat_bytes, machine.transfer_bytes
    assert sum(found.read.values()) == found.prediction.read_beats * beat_bytes
    assert sum(found.written.values()) == found.prediction.write_beats * transfer_bytes
    objects = found.objects
    assert all(one.stop <= other.first for one, other in pairwise(objects))
    assert objects[-1].stop == found.manifest.memory_bytes
    assert page(found) == page(found)


def test_what_is_not_ours_stays(folder, tmp_path, capfd):
    other = tmp_path / "copy"
    other.symlink_to(folder)
    target = folder.with_suffix(".html")
    target.write_text("<html>mine</html>")
    assert compiler.__main__.main(["report", str(folder)]) == 2
    assert "is not a report, and would be replaced; name a file with -o" in capfd.readouterr().err
    assert target.read_text() == "<html>mine</html>"
    assert compiler.__main__.main(["report", str(folder), "-o", str(tmp_path / "a.html")]) == 0


def test_bars_and_tracks():
    bar = stacked_bar([("red", 1, "one"), ("blue", 0, "none"), ("green", 3, "<three>")], 4, 100)
    assert re.findall(r'x="([\d.]+)" y="0" width="([\d.]+)"', bar) == [
        ("0.00", "25.00"), ("25.00", "75.00"),
    ]  # fmt: skip
    assert "&lt;three&gt;" in bar
    assert "none" not in bar
    row = [(0, 9, "red", "a"), (10, 19, "red", "a"), (20, 29, "red", "b"), (80, 99, "red", "b")]
    drawn = tracks([("row", row)], 100, 200)
    assert re.findall(r'<rect x="([\d.]+)" y="4" width="([\d.]+)"', drawn) == [
        ("70.00", "40.00"), ("110.00", "20.00"), ("230.00", "40.00"),
    ]  # fmt: skip
