"""Parts of the machine that share a register for their reset."""

from amaranth.hdl import ClockDomain, ClockSignal, DomainRenamer, Module, ResetSignal, Signal, Value

from hw.array.distinct_register import distinct_register


def reset_region(m: Module, name: str, reset: Value, fabric: str) -> DomainRenamer:
    """Return what puts a component into the clock domain ``name``, which it makes in ``m``.

    The domain has the clock of ``sync`` and a register of its own for ``reset``: one register for a
    machine of 16 x 16 elements would have a thousand loads all over the device. Latency of
    the reset: 1 cycle.
    """
    if fabric != "generic":
        register = distinct_register(m, reset, f"{name}_reset", fabric)
    else:
        register = Signal(init=1, reset_less=True, name=f"{name}_reset")
        m.d.sync += register.eq(reset)
    m.domains += ClockDomain(name)
    m.d.comb += [ClockSignal(name).eq(ClockSignal()), ResetSignal(name).eq(register)]
    return DomainRenamer(name)
