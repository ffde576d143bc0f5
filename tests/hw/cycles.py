"""Drives a component cycle by cycle under Amaranth's simulator."""

from amaranth.lib import data
from amaranth.sim import Simulator


def value_of(signal, value):
    """A value that `signal` can be set to: for a struct or array, a constant of its layout."""
    layout = signal.shape()
    return layout.const(value) if isinstance(layout, data.Layout) else value


def run_benches(component, *benches, background=()) -> None:
    """Run a component with a clock until all `benches` end; those in the `background` need not."""
    simulator = Simulator(component)
    simulator.add_clock(1e-8)
    for bench in background:
        simulator.add_testbench(bench, background=True)
    for bench in benches:
        simulator.add_testbench(bench)
    simulator.run()


def play(component, inputs: list, outputs: tuple) -> list:
    """Return, per cycle, the values of `outputs` while the inputs are `inputs[cycle]`.

    `inputs[cycle]` maps names of inputs to values; what it leaves out keeps its value.
    """
    seen = []

    async def bench(ctx):
        for cycle in inputs:
            for name, value in cycle.items():
                signal = component
                for part in name.split("."):
                    signal = getattr(signal, part)
                ctx.set(signal, value_of(signal, value))
            _, _, *values = await ctx.tick().sample(*(getattr(component, name) for name in outputs))
            seen.append(dict(zip(outputs, values, strict=True)))

    run_benches(component, bench)
    return seen
