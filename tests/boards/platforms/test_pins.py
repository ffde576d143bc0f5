"""Pins of the designs against a second source: a wrong pin shows in no simulation.

The designs take their pins from amaranth-boards. What is here are the same boards' pins as
litex-boards states them (``litex_boards/platforms``: radiona_ulx3s.py, icepi_zero.py,
muselab_icesugar_pro.py), whose authors read the schematics for themselves.
"""

import re
from functools import cache

import pytest

from arch.machine import TINY
from boards.design import TOP, Design, design_files
from boards.platforms.registry import BOARDS, board_named

PINS = {
    "ulx3s": {
        "clk25": "G2",
        "button_fire": "R1",
        "led": "B2",
        "uart.rx": "M1",
        "uart.tx": "L4",
        "esp32_gpio0": "L2",
        "sdram.clk": "F19",
        "sdram.clk_en": "F20",
        "sdram.cs": "P20",
        "sdram.ras": "R20",
        "sdram.cas": "T19",
        "sdram.we": "T20",
        "sdram.ba": "P19 N20",
        "sdram.a": "M20 M19 L20 L19 K20 K19 K18 J20 J19 H20 N19 G20 G19",
        "sdram.dqm": "U19 E20",
        "sdram.dq": "J16 L18 M18 N18 P18 T18 T17 U20 E19 D20 D19 C20 E18 F18 J18 J17",
    },
    "icepi-zero": {
        "clk50": "M1",
        "button": "C4",
        "led": "E13",
        "uart.rx": "K16",
        "uart.tx": "K15",
        "sdram.clk": "A3",
        "sdram.clk_en": "B4",
        "sdram.cs": "B12",
        "sdram.ras": "A12",
        "sdram.cas": "B13",
        "sdram.we": "A13",
        "sdram.ba": "A11 B11",
        "sdram.a": "B10 A9 B9 A8 B8 A7 B7 A6 B6 A5 A10 B5 A4",
        "sdram.dqm": "B14 B3",
        "sdram.dq": "B16 C14 C16 C15 D16 A15 B15 A14 A2 B2 E2 D1 C2 C1 C3 B1",
    },
    "icesugar-pro": {
        "clk25": "P6",
        # Red in amaranth-boards; litex-boards calls it green, and B11 red. It lights either way.
        "rgb_led.r": "A11",
        "uart.rx": "A9",
        "uart.tx": "B9",
        "sdram.clk": "R15",
        "sdram.clk_en": "L16",
        "sdram.cs": "A14",
        "sdram.ras": "B16",
        "sdram.cas": "G16",
        "sdram.we": "A15",
        "sdram.ba": "G15 B14",
        "sdram.a": "H15 B13 B12 J16 J15 R12 K16 R13 T13 K15 A13 R14 T14",
        "sdram.dqm": "C16 T15",
        "sdram.dq": "F16 E15 F15 D14 E16 C15 D16 B15 R16 P16 P15 N16 N14 M16 M15 L15",
    },
}
LOCATED = re.compile(
    r'LOCATE COMP "(?P<resource>\w+?)_0(__(?P<part>\w+))?__io(\[(?P<bit>\d+)\])?" '
    r'SITE "(?P<site>\w+)";'
)


@cache
def _constraints(name: str) -> str:
    """Of a board's design, as text; elaborating one takes seconds."""
    design = Design(board=board_named(name), machine=TINY, clock_mhz=75.0)
    return design_files(design)[f"{TOP}.lpf"]


def _pins(name: str) -> dict[str, str]:
    """The pins of a design, bit 0 first, by resource and part."""
    found: dict[str, dict[int, str]] = {}
    for line in _constraints(name).splitlines():
        if line.startswith("LOCATE"):
            pin = LOCATED.fullmatch(line)
            signal = ".".join(filter(None, (pin["resource"], pin["part"])))
            found.setdefault(signal, {})[int(pin["bit"] or 0)] = pin["site"]
    return {
        signal: " ".join(sites[bit] for bit in range(len(sites))) for signal, sites in found.items()
    }


@pytest.mark.parametrize("name", BOARDS)
def test_pins_are_those_of_litex_boards(name):
    expected = PINS["ulx3s" if name.startswith("ulx3s") else name]
    assert _pins(name) == expected


@pytest.mark.parametrize("name", BOARDS)
def test_every_pin_has_a_place_of_its_own(name):
    """And the clock's rate is known."""
    board = board_named(name)
    constraints = _constraints(name)
    places = [line for line in constraints.splitlines() if line.startswith("LOCATE")]
    sites = [line.split("SITE")[1] for line in places]
    assert len(set(sites)) == len(sites)
    # SDRAM: 13 + 2 address, 16 data, 2 mask, 6 more; clock, line, LED.
    assert len([place for place in places if "sdram" in place]) == 39
    assert f"{board.platform().default_clk_frequency:.1f} HZ" in constraints
