"""Equal modules become one, also when they are equal only because of what they instantiate."""

from arch.machine import TINY
from hw.verilog import generate
from sim.merge_modules import merge_modules, module_names

LEAF = "module \\leaf_{n} (a, b);\n  wire \\dump_module${n} ;\n  assign b = {value} ;\nendmodule\n"
MIDDLE = "module \\mid_{n} (a, b);\n  \\leaf_{n}  leaf (\n    .a(a)\n  );\nendmodule\n"
TOP = (
    "module top (a, b);\n"
    + "".join(f"  \\mid_{n}  m{n} (\n    .a(a)\n  );\n" for n in range(3))
    + "endmodule\n"
)


def design(values):
    leaves = "".join(LEAF.format(n=n, value=value) for n, value in enumerate(values))
    return leaves + "".join(MIDDLE.format(n=n) for n in range(len(values))) + TOP


def test_equal_modules_of_equal_modules():
    merged = merge_modules(design(["a", "a", "!a"]))
    assert module_names(merged) == ["leaf_0", "leaf_2", "mid_0", "mid_2", "top"]
    assert [line.split()[0] for line in merged.splitlines() if " m" in line] == [
        "\\mid_0", "\\mid_0", "\\mid_2",
    ]  # fmt: skip


def test_different_modules_stay():
    text = design(["a", "!a", "0"])
    assert len(module_names(merge_modules(text))) == 7


def test_a_machine():
    """Few kinds of elements: of the array, and of the row that counts ones."""
    text = generate(TINY)
    names = module_names(text)
    merged = module_names(merge_modules(text))
    assert sum(".grid.element_" in name for name in names) == 36
    assert sum(".grid.element_" in name for name in merged) <= 3
    assert set(merged) < set(names)
