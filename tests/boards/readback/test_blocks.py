"""Where a block's settings are, seen from its wires."""

import pytest

from boards.readback.blocks import PLL_PHASES, PLL_WORDS, Blocks
from boards.readback.configuration import Configuration
from boards.toolchain import ToolError

PLL = {"MODE": "EHXPLLL", "FEEDBK_PATH": "CLKOP"} | dict.fromkeys(
    (*PLL_WORDS, *PLL_PHASES), "0000101"
)


def blocks(groups):
    """Of a configuration with these groups of settings alone."""
    return Blocks(
        Configuration("LFE5U-85F", "CABGA381", groups=groups),
        net=lambda row, column, wire: f"r{row}c{column}_{wire}",
        named=lambda wire: "",
    )


# Lower corners; and the upper ones, whose settings are in the edge beside the wires.
@pytest.mark.parametrize("place", [(49, 42), (48, 42), (48, 41), (48, 43)])
def test_a_pll_at_each_corner(place):
    made = blocks({place: PLL})
    made.make((48, 42, "JCLKOP_PLL"))
    (line,) = made.lines
    assert "r48c42_pll" in line
    assert ".CLKI(r48c42_CLKI_PLL)" in line
    assert all(f".{name}(6)" in line for name in PLL_WORDS)


@pytest.mark.parametrize(
    "groups", [{}, {(4, 3): PLL}, {(4, 0): PLL, (5, 1): PLL}], ids=("none", "far", "two")
)
def test_a_pll_whose_settings_are_not_clear(groups):
    with pytest.raises(ToolError, match="row 4, column 1: a PLL without settings"):
        blocks(groups).make((4, 1, "JCLKOP_PLL"))
