"""A netlist with one module for a component that a machine has hundreds of.

Amaranth writes a module for every instance, so an array of 272 elements is 272 equal modules, which
it takes as long to write as a simulator takes to read and compile them.
"""

from amaranth.back import rtlil
from amaranth.hdl import ClockSignal, Const, Elaboratable, Instance, Value
from amaranth.lib.wiring import Component, Flow

from arch.errors import ConfigurationError

RESET = "switch \\rst "
"""How Amaranth's text (RTLIL) says that a register has a reset."""


class WrittenOnce:
    """A platform for :func:`amaranth.back.rtlil.convert`, which gathers such components.

    A component joins in by starting its ``elaborate`` with :func:`as_instance`. Its module has the
    name that it gives itself, in which every parameter must be that its contents depend on. It must
    not need a reset: an instance does not see those that enclosing components insert.
    """

    def __init__(self):
        self._components: dict[str, Component] = {}

    def instance(self, component: Component, name: str) -> Instance:
        """Return an instance of the module ``name``, wired to the component's members."""
        self._components.setdefault(name, component)
        ports: dict[str, Value | Elaboratable] = {"i_clk": ClockSignal(), "i_rst": Const(0)}
        for path, member, value in component.signature.flatten(component):
            direction = "o" if member.flow is Flow.Out else "i"
            ports[f"{direction}_{'__'.join(map(str, path))}"] = Value.cast(value)
        return Instance(name, **ports)

    def modules(self) -> str:
        """Return the text (RTLIL) of all that were gathered.

        Raises :class:`arch.errors.ConfigurationError` where one of them has a reset.
        """
        texts = []
        for name, component in sorted(self._components.items()):
            text = rtlil.convert(component, name=name, emit_src=False)
            if RESET in text:
                raise ConfigurationError(f"{name}: a component that is written once has no reset")
            texts.append(text)
        return "".join(texts)


def as_instance(platform: object, component: Component, name: str) -> Instance | None:
    """Return what ``elaborate`` returns where modules are written once, else None."""
    return platform.instance(component, name) if isinstance(platform, WrittenOnce) else None
