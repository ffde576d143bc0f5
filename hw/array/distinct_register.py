"""Registers that synthesis does not merge, in flip-flop cells of ECP5 or Gowin."""

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal, Value


def distinct_register(m: Module, value: Value, name: str, fabric: str = "ecp5") -> Signal:
    """Return ``value`` one cycle later, from flip-flops that stand for this register alone.

    Where several registers always hold the same value, yosys keeps one of them and leads its wires
    to all places (the attribute ``keep`` holds for wires, not for what drives them). It does not
    look into cells that are instantiated. The register has no reset; it is 0 at power-up.
    """
    register = Signal(len(value), name=name)
    for bit in range(len(value)):
        cell = _gowin_cell if fabric == "gowin" else _ecp5_cell
        m.submodules[f"{name}_{bit}"] = cell(value[bit], register[bit])
    return register


def _ecp5_cell(value: Value, register: Value) -> Instance:
    return Instance(
        "TRELLIS_FF",
        p_GSR="DISABLED",
        p_CEMUX="1",
        p_CLKMUX="CLK",
        p_LSRMUX="LSR",
        p_REGSET="RESET",
        p_SRMODE="LSR_OVER_CE",
        i_CLK=ClockSignal(),
        i_LSR=Const(0),
        i_DI=value,
        o_Q=register,
    )


def _gowin_cell(value: Value, register: Value) -> Instance:
    return Instance("DFF", i_CLK=ClockSignal(), i_D=value, o_Q=register)
