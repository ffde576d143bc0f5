"""The SVG of a trade."""

import re
from xml.etree import ElementTree

from compiler.quantize.budget.plot import Mark, plot

NAMESPACE = "{http://www.w3.org/2000/svg}"


def test_points_and_line_lie_where_they_belong():
    marks = [Mark("W8A8", 4e6, 0.001), Mark("W4A4", 1e6, 0.1), Mark("<mix>", 2e6, 0.01, True)]
    drawn = plot("title & more", "cycles", [(4e6, 0.001), (1e6, 0.1)], marks, 2.5e6)
    root = ElementTree.fromstring(drawn)
    circles = [
        (float(each.get("cx")), float(each.get("cy"))) for each in root.iter(f"{NAMESPACE}circle")
    ]
    dear, cheap, chosen = circles
    assert cheap[0] < chosen[0] < dear[0]
    assert cheap[1] < chosen[1] < dear[1]  # larger errors are higher up
    # Decades are as far apart as each other.
    assert abs((dear[1] - chosen[1]) - (chosen[1] - cheap[1])) < 0.2
    (line,) = root.iter(f"{NAMESPACE}polyline")
    ends = [tuple(map(float, pair.split(","))) for pair in line.get("points").split()]
    assert ends == [dear, cheap]
    told = [text.text for text in root.iter(f"{NAMESPACE}text")]
    assert {"title & more", "W8A8", "<mix>", "budget"} <= set(told)
    assert not re.search("nan|inf", drawn)


def test_no_trade_where_there_was_no_need():
    drawn = plot("title", "cycles", [], [Mark("W8A8", 10.0, 0.0)], 100.0)
    assert len(list(ElementTree.fromstring(drawn).iter(f"{NAMESPACE}circle"))) == 1
