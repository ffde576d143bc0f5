"""A value some cycles later."""

from amaranth.hdl import Module, Signal, Value


def delayed(m: Module, value: Value, cycles: int, name: str) -> Value:
    """Return ``value`` after ``cycles`` registers of ``m``; with none, ``value`` itself."""
    for cycle in range(cycles):
        later = Signal.like(value, name=f"{name}_{cycle + 1}")
        m.d.sync += later.eq(value)
        value = later
    return value
