"""The multiplier cell of ECP5."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal, Value

FACTOR_BITS = 18
LATENCY = 2
"""Cycles from the factors to their product: the cell's own registers in front of it and behind."""


def multiplier(m: Module, name: str, left: Value, right: Value) -> Signal:
    """Add a MULT18X18D (Lattice FPGA-TN-02205, "sysDSP") named ``name``; return its product.

    ``left`` and ``right`` are unsigned, of 18 bits at most. The product is there after ``LATENCY``
    cycles, every cycle another one. The register between the two halves of the cell is not used:
    a product takes 4 ns, and what surrounds it at our clock rates takes longer.
    """
    product = Signal(2 * FACTOR_BITS, name=f"{name}_product")

    def pins(prefix, value):
        value = Cat(value, Const(0, FACTOR_BITS))
        return {f"i_{prefix}{pin}": value[pin] for pin in range(FACTOR_BITS)}

    registers = {}
    for register in ("INPUTA", "INPUTB", "OUTPUT"):
        registers |= {
            f"p_REG_{register}_CLK": "CLK0",
            f"p_REG_{register}_CE": "CE0",
            f"p_REG_{register}_RST": "RST0",
        }
    m.submodules[name] = Instance(
        "MULT18X18D",
        **registers,
        p_REG_PIPELINE_CLK="NONE",
        p_CLK0_DIV="ENABLED",
        p_RESETMODE="SYNC",
        p_GSR="DISABLED",
        p_SOURCEB_MODE="B_SHIFT",
        i_CLK0=ClockSignal(),
        i_CE0=Const(1),
        i_RST0=Const(0),
        i_SIGNEDA=Const(0),
        i_SIGNEDB=Const(0),
        i_SOURCEA=Const(0),
        i_SOURCEB=Const(0),
        **pins("A", left),
        **pins("B", right),
        **{f"o_P{pin}": product[pin] for pin in range(2 * FACTOR_BITS)},
    )
    return product
