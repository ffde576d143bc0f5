"""Resets of few flip-flops become logic that does the same."""

from itertools import product

import pytest

from boards.place_route.small_resets import small_resets_as_logic

CLOCK, RESET, ENABLE = 2, 3, 4
FIRST = 10


def flip_flop(place: int, *, value: str, reset: str, enable: str, mode: str = "LSR_OVER_CE"):
    """A cell as yosys writes it: data FIRST + 2 place, output one more."""
    pins = {"CLK": [CLOCK], "LSR": [RESET], "DI": [FIRST + 2 * place], "Q": [FIRST + 2 * place + 1]}
    if enable != "1 ":
        pins["CE"] = [ENABLE]
    directions = {pin: "output" if pin == "Q" else "input" for pin in pins}
    parameters = {"REGSET": value, "LSRMUX": reset, "CEMUX": enable, "SRMODE": mode}
    return {
        "type": "TRELLIS_FF", "parameters": parameters, "port_directions": directions,
        "connections": pins,
    }  # fmt: skip


def netlist(*cells: dict) -> dict:
    named = {f"ff{place}": cell for place, cell in enumerate(cells)}
    return {"modules": {"top": {"cells": named, "netnames": {}, "ports": {}}}}


def level(bit: int | str, nets: dict[int, int], cells: dict) -> int:
    """Of a net: given, constant, or what its LUT makes of its inputs."""
    if isinstance(bit, str):
        return int(bit)
    if bit in nets:
        return nets[bit]
    (lut,) = (c for c in cells.values() if c["connections"].get("Z") == [bit])
    inputs = [level(lut["connections"][pin][0], nets, cells) for pin in "ABCD"]
    index = sum(value << place for place, value in enumerate(inputs))
    return int(lut["parameters"]["INIT"][::-1][index])


def after_the_clock(cell: dict, nets: dict[int, int], cells: dict) -> int:
    """What a flip-flop holds after an edge; Lattice TN-02205, reset over clock enable."""
    pins, parameters = cell["connections"], cell["parameters"]
    reset = level(pins["LSR"][0], nets, cells) ^ (parameters["LSRMUX"] == "INV")
    if reset:
        return int(parameters["REGSET"] == "SET")
    kind = parameters["CEMUX"].strip()
    enabled = kind == "1" or level(pins["CE"][0], nets, cells) ^ (kind == "INV")
    return level(pins["DI"][0], nets, cells) if enabled else nets[pins["Q"][0]]


@pytest.mark.parametrize("value", ["RESET", "SET"])
@pytest.mark.parametrize("reset", ["LSR", "INV"])
@pytest.mark.parametrize("enable", ["1 ", "CE", "INV"])
def test_a_flip_flop_does_the_same(value, reset, enable):
    def made() -> dict:
        return netlist(flip_flop(0, value=value, reset=reset, enable=enable))

    before, after = made(), made()
    assert small_resets_as_logic(after) == 1
    cells = after["modules"]["top"]["cells"]
    assert cells["ff0"]["connections"]["LSR"] == ["0"]
    assert cells["ff0"]["parameters"]["LSRMUX"] == "LSR"
    assert len(cells) == (2 if enable == "1 " else 3)
    for levels in product((0, 1), repeat=4):
        nets = dict(zip((RESET, ENABLE, FIRST, FIRST + 1), levels, strict=True))
        expected = after_the_clock(before["modules"]["top"]["cells"]["ff0"], nets, {})
        assert after_the_clock(cells["ff0"], nets, cells) == expected


def test_only_resets_of_few_and_only_synchronous_ones():
    usual = {"value": "RESET", "reset": "LSR", "enable": "CE"}
    many = netlist(*(flip_flop(place, **usual) for place in range(4)))
    assert small_resets_as_logic(many, fewest=4) == 0
    assert small_resets_as_logic(many, fewest=5) == 4
    module = many["modules"]["top"]
    results = [cell["connections"]["Z"][0] for cell in module["cells"].values()
               if cell["type"] == "LUT4"]  # fmt: skip
    assert len(set(results)) == 8
    assert min(results) > FIRST + 7
    named = [net["bits"][0] for net in module["netnames"].values()]
    assert sorted(named) == sorted(results)
    assert small_resets_as_logic(netlist(flip_flop(0, **usual, mode="ASYNC"))) == 0
    free = flip_flop(0, **usual)
    free["connections"]["LSR"] = ["0"]
    assert small_resets_as_logic(netlist(free)) == 0
