"""Symbolic evaluation of a netlist: outputs as canonical functions of the inputs.

Counts of ones are hard for SAT solvers when they are added in different orders, but every count is
a symmetric function, and those have small binary decision diagrams (BDDs) in any variable order.
"""

import sys

FALSE, TRUE = 0, 1


class Diagrams:
    """Reduced ordered BDDs: equal functions are equal numbers."""

    def __init__(self):
        self._nodes = [(sys.maxsize, 0, 0), (sys.maxsize, 1, 1)]  # (variable, if 0, if 1)
        self._numbers = {}
        self._known = {}

    def variable(self, order: int) -> int:
        return self._node(order, FALSE, TRUE)

    def _node(self, variable: int, low: int, high: int) -> int:
        if low == high:
            return low
        key = variable, low, high
        if key not in self._numbers:
            self._numbers[key] = len(self._nodes)
            self._nodes.append(key)
        return self._numbers[key]

    def _branch(self, function: int, variable: int, value: int) -> int:
        own, low, high = self._nodes[function]
        return function if own != variable else high if value else low

    def choose(self, test: int, high: int, low: int) -> int:
        """Return the function "high if test else low"."""
        if test == TRUE or high == low:
            return high
        if test == FALSE:
            return low
        if (high, low) == (TRUE, FALSE):
            return test
        key = test, high, low
        if key not in self._known:
            variable = min(self._nodes[function][0] for function in key)
            high, low = (
                self.choose(*(self._branch(function, variable, value) for function in key))
                for value in (TRUE, FALSE)
            )
            self._known[key] = self._node(variable, low, high)
        return self._known[key]


class Netlist:
    """A flat module of yosys' JSON format, of the cells $_AND_, $_OR_, $_XOR_, $_NOT_, $_MUX_ and
    $_DFF_P_; ``rst`` is 0 throughout."""

    def __init__(self, module: dict, diagrams: Diagrams):
        self._diagrams = diagrams
        self._ports = {name: port["bits"] for name, port in module["ports"].items()}
        self._driver = {}
        for cell in module["cells"].values():
            output = "Q" if cell["type"] == "$_DFF_P_" else "Y"
            (bit,) = cell["connections"].pop(output)
            self._driver[bit] = cell["type"], {k: v[0] for k, v in cell["connections"].items()}
        self._values = {}

    def port(self, name: str) -> list:
        return self._ports[name]

    def assign(self, bit: int, time: int, function: int) -> None:
        self._values[bit, time] = function

    def evaluate(self, bit, time: int) -> int:
        """The function of a net at a time; :class:`KeyError` where it depends on more than what
        was assigned."""
        if bit in ("0", "1"):
            return int(bit)
        if bit in self._ports["rst"]:
            return FALSE
        if (bit, time) not in self._values:
            self._values[bit, time] = self._cell(*self._driver[bit], time)
        return self._values[bit, time]

    def _cell(self, kind: str, pins: dict, time: int) -> int:
        if kind == "$_DFF_P_":
            return self.evaluate(pins["D"], time - 1)
        choose = self._diagrams.choose
        a = self.evaluate(pins["A"], time)
        if kind == "$_NOT_":
            return choose(a, FALSE, TRUE)
        b = self.evaluate(pins["B"], time)
        if kind == "$_AND_":
            return choose(a, b, FALSE)
        if kind == "$_OR_":
            return choose(a, TRUE, b)
        if kind == "$_XOR_":
            return choose(a, choose(b, FALSE, TRUE), b)
        assert kind == "$_MUX_", kind
        return choose(self.evaluate(pins["S"], time), b, a)
