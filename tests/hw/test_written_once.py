"""One module for a component that a machine has many of, and what such a component must be like."""

import re

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.errors import ConfigurationError
from arch.machine import TINY
from hw.verilog import generate
from hw.written_once import WrittenOnce, as_instance
from hw.yosys import to_verilog


class Leaf(wiring.Component):
    def __init__(self, reset_less):
        self.reset_less = reset_less
        super().__init__({"a": In(3), "b": Out(3)})

    def elaborate(self, platform):
        if instance := as_instance(platform, self, "leaf"):
            return instance
        m = Module()
        held = Signal(3, reset_less=self.reset_less)
        m.d.sync += held.eq(self.a)
        m.d.comb += self.b.eq(held)
        return m


class Pair(wiring.Component):
    def __init__(self, reset_less):
        self.leaves = [Leaf(reset_less), Leaf(reset_less)]
        super().__init__({"a": In(3), "b": Out(3)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.first, m.submodules.second = first, second = self.leaves
        m.d.comb += [first.a.eq(self.a), second.a.eq(first.b), self.b.eq(second.b)]
        return m


def test_written_once():
    once = WrittenOnce()
    text = to_verilog(rtlil.convert(Pair(True), platform=once) + once.modules())
    assert len(re.findall(r"^module leaf\b", text, re.MULTILINE)) == 1
    assert len(re.findall(r"^  leaf \w+ \($", text, re.MULTILINE)) == 2


def test_a_component_with_a_reset_is_refused():
    once = WrittenOnce()
    rtlil.convert(Pair(False), platform=once)
    with pytest.raises(ConfigurationError, match="leaf: .* has no reset"):
        once.modules()


def test_without_the_platform_nothing_changes():
    text = to_verilog(rtlil.convert(Pair(False)))
    assert not re.search(r"^module leaf\b", text, re.MULTILINE)


def test_a_machine():
    """Its elements and its memories."""
    names = re.findall(r"^module (\S+?)(?=[ (])", generate(TINY), re.MULTILINE)
    assert len(names) == len(set(names))
    assert sum("element" in name for name in names) == 1
    assert sum("block_ram" in name for name in names) == 5
