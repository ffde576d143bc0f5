"""Forms of one component side by side, in a Verilog bench that drives them all."""

import re
from collections.abc import Mapping
from pathlib import Path

from amaranth.back import verilog
from amaranth.hdl import Cat, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.yosys import find_yosys
from tests.hw.self_checking import run_bench


class FabricMiter(wiring.Component):
    """All ``forms`` see the same inputs; ``differ`` tells where their member ``output`` differs.

    The inputs have the names and shapes that they have in the forms.
    """

    def __init__(self, forms: list[wiring.Component], output: str):
        self.forms = forms
        self.output = output
        members = forms[0].signature.members
        self.inputs = [name for name, member in members.items() if member.flow == In]
        super().__init__({name: members[name] for name in self.inputs} | {"differ": Out(1)})

    def elaborate(self, platform):
        m = Module()
        outputs = []
        for number, each in enumerate(self.forms):
            m.submodules[f"form{number}"] = each
            m.d.comb += [getattr(each, name).eq(getattr(self, name)) for name in self.inputs]
            output = getattr(each, self.output)
            outputs.append(output.as_value() if hasattr(output, "as_value") else output)
        m.d.comb += self.differ.eq(Cat(outputs[0] != other for other in outputs[1:]).any())
        return m


def check_forms(
    forms: list[wiring.Component],
    output: str,
    bench: str,
    sizes: Mapping[str, int],
    cells: str,
    folder: Path,
) -> str:
    """Assert that all forms agree in ``bench``, and return its Verilog.

    The bench instantiates the module ``miter`` and prints "agree" at the end. Names in capitals in
    it are replaced by ``sizes``; ``cells`` is the Verilog of cells that the forms instantiate.
    """
    find_yosys()
    text = verilog.convert(FabricMiter(forms, output), name="miter", emit_src=False)
    sized = re.sub(r"\b[A-Z]+\b", lambda name: str(sizes[name[0]]), bench)
    assert "agree" in run_bench(text + cells + sized, folder)
    return text
