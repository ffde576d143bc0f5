"""A value some cycles later."""

from amaranth.hdl import Module, Signal, Value


def delayed(m: Module, value: Value, cycles: int, name: str, *, reset_less: bool = False) -> Value:
    """Return ``value`` after ``cycles`` registers of ``m``; with none, ``value`` itself.

    ``reset_less`` is for what means nothing unless something else says so: the reset of the core is
    one net, and every register without it is easier to place.
    """
    for cycle in range(cycles):
        later = Signal.like(value, name=f"{name}_{cycle + 1}", reset_less=reset_less)
        m.d.sync += later.eq(value)
        value = later
    return value
