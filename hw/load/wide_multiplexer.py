"""Multiplexers of ECP5 that take two or four LUTs where plain logic takes three or six."""

from amaranth.hdl import Cat, Const, Instance, Module, Signal, Value

CHOOSE = 0xCACA
"""Truth table of a LUT4: input B if C, else A."""
WAYS = (4, 8)


def multiplexer(m: Module, name: str, choices: list[Value], select: Value) -> Value:
    """Return ``choices[select]``, of four or eight choices that are equally wide.

    Neighbouring slots have multiplexers behind them (PFUMX, L6MUX21; Lattice FPGA-TN-02200,
    "Slice"). Synthesis for the whole core leaves them out, because everywhere else they cost
    slots.
    """
    if len(choices) not in WAYS:
        raise ValueError(f"{len(choices)} choices, not {WAYS[0]} or {WAYS[1]}")
    return Cat(
        _bit(m, f"{name}_{index}", [choice[index] for choice in choices], select)
        for index in range(len(choices[0]))
    )


def _cell(m: Module, name: str, kind: str, **pins) -> Signal:
    result = Signal(name=f"{name}_out")
    m.submodules[name] = Instance(kind, **pins, o_Z=result)
    return result


def _bit(m: Module, name: str, choices: list[Value], select: Value) -> Value:
    pairs = [
        _cell(m, f"{name}_lut{index}", "LUT4", p_INIT=Const(CHOOSE, 16),
              i_A=choices[2 * index], i_B=choices[2 * index + 1], i_C=select[0],
              i_D=Const(1))
        for index in range(len(choices) // 2)
    ]  # fmt: skip
    fours = [
        _cell(m, f"{name}_four{index}", "PFUMX", i_BLUT=low, i_ALUT=high, i_C0=select[1])
        for index, (low, high) in enumerate(zip(pairs[::2], pairs[1::2], strict=True))
    ]
    if len(fours) == 1:
        return fours[0]
    return _cell(m, f"{name}_eight", "L6MUX21", i_D0=fours[0], i_D1=fours[1], i_SD=select[2])
