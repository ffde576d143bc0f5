"""Which carry pins are needless."""

import pytest

from boards.place_route.chain_ends import open_chain_ends

RELAY, ADD = "0000011000000110", "1001011010010110"
OUTPUTS = ("S0", "S1", "COUT")


def opened_pins(init, **pins):
    """Pins of a cell with those connections that lose them."""
    pins = {name: [bit] for name, bit in pins.items()}
    cell = {
        "type": "CCU2C",
        "parameters": {"INIT0": init},
        "port_directions": {pin: "output" if pin in OUTPUTS else "input" for pin in pins},
        "connections": dict(pins),
    }
    module = {"ports": {"out": {"bits": [9]}}, "cells": {"cell": cell}}
    count = open_chain_ends({"modules": {"top": module}})
    left = module["cells"]["cell"]["connections"]
    opened = {pin for pin, bits in left.items() if bits != pins[pin]}
    assert count == len(opened)
    assert all(left[pin] == ["x"] for pin in opened)
    return opened


@pytest.mark.parametrize(
    ("init", "pins", "opened"),
    [
        (RELAY, {"A0": 2, "C0": "1", "CIN": "0"}, {"CIN"}),
        (RELAY, {"C0": "1", "CIN": "0", "S0": 5}, {"CIN"}),  # 5 goes nowhere
        (RELAY, {"C0": "1", "CIN": "0", "S0": 9}, set()),  # the carry input is shown
        (RELAY, {"A0": 2, "C0": 3, "CIN": "0"}, set()),  # it may be passed on
        (ADD, {"C0": "1", "CIN": "0"}, set()),  # it is added
        (RELAY, {"C0": "1", "CIN": 4, "COUT": 9}, set()),
        (ADD, {"CIN": 4, "COUT": 7}, {"COUT"}),
    ],
)
def test_only_needless_pins_are_opened(init, pins, opened):
    assert opened_pins(init, **pins) == opened
