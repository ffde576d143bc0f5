"""Verilog with one module where several are equal.

Amaranth writes a module for every instance, so an array of 272 elements is 272 equal modules, and a
simulator compiles each of them.
"""

import re

MODULE = re.compile(r"^module (\\\S+ |\w+).*?^endmodule\n", re.MULTILINE | re.DOTALL)
#: The module's name in an instance: at the start of a line, before the instance's own name.
INSTANCE = re.compile(r"^  (\\\S+ |\w+) (?=\\?\S+ *\($)", re.MULTILINE)
SELF = "module SELF "
#: A signal that yosys adds to each module, numbered through all of them.
NUMBERED = re.compile(r"(?<=dump_module\$)\d+")


def merge_modules(text: str) -> str:
    """The same design, in which equal modules are one; names of instances stay.

    Modules are equal where their text is, but for their names and those of the equal modules that
    they instantiate.
    """
    text = NUMBERED.sub("0", text)
    bodies = {
        found[1].strip(): found[0].replace(f"module {found[1]}", SELF, 1)
        for found in MODULE.finditer(text)
    }
    chosen: dict[str, str] = {name: name for name in bodies}
    while True:
        firsts: dict[str, str] = {}
        merged = {}
        for name, body in bodies.items():
            merged[name] = firsts.setdefault(_renamed(body, chosen), name)
        if merged == chosen:
            break
        chosen = merged
    kept = set(chosen.values())

    def replacement(found: re.Match) -> str:
        return _renamed(found[0], chosen) if found[1].strip() in kept else ""

    return MODULE.sub(replacement, text)


def module_names(text: str) -> list[str]:
    """Names of the modules, without the backslash of escaped ones."""
    return [found[1].strip().removeprefix("\\") for found in MODULE.finditer(text)]


def _renamed(body: str, chosen: dict[str, str]) -> str:
    """A module whose instances are of the chosen modules."""

    def name(found: re.Match) -> str:
        old = found[1].strip()
        new = chosen.get(old, old)
        return f"  {new} " + (" " if new.startswith("\\") else "")

    return INSTANCE.sub(name, body)
