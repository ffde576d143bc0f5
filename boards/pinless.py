"""A bench wrapper that needs four pins, whatever the width of what it holds.

Inputs come from a shift register, outputs leave through a chain of XORs, both one register away
from the core: nothing can be optimised away, and no path of the wrapper is longer than one LUT. It
costs a flip-flop for each input bit and each output bit, and a LUT with a flip-flop for each three
of these.
"""

import re
from dataclasses import dataclass

from boards.toolchain import ToolError

WRAPPER = "pinless"
CLOCK, RESET = "clk", "rst"
FOLDED = 3
"""Output bits that one LUT of the chain takes in."""

_PORT = re.compile(
    r"^\s*(input|output|inout)\s+(?:wire\s+|reg\s+|logic\s+)?(?:signed\s+)?"
    r"(?:\[\s*(\d+)\s*:\s*(\d+)\s*\]\s*)?(\\\S+|\w+)\s*[;,)]?",
    re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of a Verilog module."""

    name: str
    direction: str
    width: int


def module_ports(verilog: str, module: str) -> list[Port]:
    """Ports of a module in Verilog text as yosys writes it; raises :class:`ToolError`."""
    found = re.search(
        rf"^\s*module\s+{re.escape(module)}\s*\((.*?)^\s*endmodule",
        verilog,
        re.MULTILINE | re.DOTALL,
    )
    if not found:
        raise ToolError(f"the Verilog has no module {module}")
    ports = []
    for direction, high, low, name in _PORT.findall(found[1]):
        width = abs(int(high) - int(low)) + 1 if high else 1
        ports.append(Port(name=name, direction=direction, width=width))
    if any(port.direction == "inout" for port in ports):
        raise ToolError(f"module {module} has inout ports: it cannot be wrapped")
    for name in (CLOCK, RESET):
        if name not in [port.name for port in ports]:
            raise ToolError(f"module {module} has no port {name}")
    return ports


def wrapper_cost(ports: list[Port]) -> dict[str, int]:
    """Slots and flip-flops of the wrapper itself, which are in every figure of the wrapped core."""
    inputs = sum(p.width for p in ports if p.direction == "input") - 2
    outputs = sum(p.width for p in ports if p.direction == "output")
    folds = -(-outputs // FOLDED)
    return {"slots": folds, "flip_flops": inputs + outputs + folds + 1}


def wrap(module: str, ports: list[Port]) -> str:
    """Verilog of the wrapper around ``module``; its own module is :data:`WRAPPER`."""
    connections = [f".{CLOCK}({CLOCK})", f".{RESET}(reset)"]
    offsets = {"input": 0, "output": 0}
    buses = {"input": "stimulus", "output": "result"}
    for port in ports:
        if port.name in (CLOCK, RESET):
            continue
        start = offsets[port.direction]
        offsets[port.direction] += port.width
        bus = buses[port.direction]
        connections.append(f".{port.name} ({bus}[{start + port.width - 1}:{start}])")
    inputs, outputs = max(offsets["input"], 1), max(offsets["output"], 1)
    folds = -(-outputs // FOLDED)
    padding = f"{folds * FOLDED - outputs}'b0, " if folds * FOLDED > outputs else ""
    joined = ",\n        ".join(connections)
    return f"""\
// Bench wrapper: inputs from a shift register, outputs folded to one pin.
module {WRAPPER}(input {CLOCK}, input {RESET}, input in, output out);
    reg reset;
    reg [{inputs - 1}:0] stimulus;
    wire [{outputs - 1}:0] result;
    reg [{outputs - 1}:0] sample;
    reg [{folds - 1}:0] fold;
    wire [{folds * FOLDED - 1}:0] padded = {{{padding}sample}};
    integer i;
    always @(posedge {CLOCK}) begin
        reset <= {RESET};
        stimulus <= {{stimulus, in}};
        sample <= result;
        for (i = 0; i < {folds}; i = i + 1)
            fold[i] <= (i ? fold[i - 1] : 1'b0) ^ ^padded[{FOLDED} * i +: {FOLDED}];
    end
    assign out = fold[{folds - 1}];
    {module} core (
        {joined});
endmodule
"""
