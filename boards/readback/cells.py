"""Cells of ECP5's logic tiles, as configured, in Verilog."""

from collections import defaultdict
from collections.abc import Callable

from boards.readback.wires import Wire
from boards.toolchain import ToolError

SLICES = "ABCD"
WRITTEN = {
    "WADO0": "D4", "WADO1": "B4", "WADO2": "C4", "WADO3": "A4",
    "WDO0": "C5", "WDO1": "A5", "WDO2": "D5", "WDO3": "B5",
}  # fmt: skip
"""Inputs of slice C that it hands on to the LUT RAM of slices A and B."""
CARRY_IN = {"A": "FCI_SLICE", "B": "FCIB_SLICE", "C": "FCIC_SLICE", "D": "FCID_SLICE"}


class LogicTiles:
    """Makes LUTs, carry chains, LUT RAM and flip-flops of the tiles PLC2.

    ``net`` gives the Verilog of what drives a wire, ``named`` that of an output, ``sources`` the
    names of the wires that are joined to one, ``settings`` a place's settings.
    """

    def __init__(
        self,
        net: Callable[[int, int, str], str],
        named: Callable[[Wire], str],
        sources: Callable[[int, int, str], list[str]],
        settings: dict[tuple[int, int], dict[str, str]],
    ):
        self._net, self._named = net, named
        self._sources, self._settings = sources, settings
        self.lines: list[str] = []
        self._registers: dict[tuple, list[tuple[str, str, str]]] = defaultdict(list)
        self._memories: set[tuple] = set()
        self._carries: set[tuple] = set()

    def make(self, wire: Wire, name: str) -> None:
        """Make the cell whose output is ``wire``; the output's Verilog name is ``name``."""
        row, column, pin = wire
        if pin[0] == "Q":
            self._flip_flop(row, column, int(pin[1]), name)
        elif pin.startswith("FCO"):
            self._carry_out(row, column, pin[3] if pin[3] != "_" else "D", name)
        elif pin.startswith("F5") and pin[2] != "_":
            first = 2 * SLICES.index(pin[2])
            # Both LUTs of the slice, whose outputs come in without a wire that the database names.
            low, high = (self._named((row, column, f"F{first + half}_SLICE")) for half in (0, 1))
            by = self._net(row, column, f"M{first}")
            self.lines.append(f"assign {name} = {by} ? {high} : {low};")
        elif pin.startswith("FX"):
            # Results of multiplexers in this tile or the next one.
            a, b = (self._net(row, column, f"FX{side}{pin[2]}_SLICE") for side in "AB")
            by = self._net(row, column, f"M{2 * SLICES.index(pin[2]) + 1}")
            self.lines.append(f"assign {name} = {by} ? {b} : {a};")
        elif pin.startswith("W"):
            self.lines.append(f"assign {name} = {self._net(row, column, WRITTEN[pin[:-7]])};")
        else:
            self._lut(row, column, int(pin[1]), name)

    # ---- Logic.

    def _slice(self, row: int, column: int, index: int) -> tuple[str, Callable]:
        letter, settings = SLICES[index // 2], self._settings[row, column]
        return letter, lambda key, usual: settings.get(f"SLICE{letter}.{key}", usual)

    def _contents(self, row: int, column: int, index: int) -> tuple[str, str]:
        """A LUT's 16 bits, and its index."""
        _, get = self._slice(row, column, index)
        pins = [self._net(row, column, f"{pin}{index}") for pin in "DCBA"]
        return f"16'b{get(f'K{index % 2}.INIT', '1' * 16)}", f"{{{', '.join(pins)}}}"

    def _lut(self, row: int, column: int, index: int, name: str) -> None:
        letter, get = self._slice(row, column, index)
        mode = get("MODE", "LOGIC")
        if mode == "DPRAM":
            self._memory(row, column, index, name)
            return
        if mode == "RAMW":
            raise ToolError(f"row {row}, column {column}: slice {letter} has no logic, but is used")
        bits, at = self._contents(row, column, index)
        if mode == "LOGIC":
            self.lines.append(f"assign {name} = {_looked_up(bits, at)};")
            return
        self._carry(row, column, letter)
        one = f"r{row}c{column}_{letter}{index % 2}"
        plain = get(f"CCU2.INJECT1_{index % 2}", "YES") == "YES"
        self.lines.append(f"assign {name} = {one}_lut" + ("" if plain else f" ^ {one}_in") + ";")

    def _carry_out(self, row: int, column: int, letter: str, name: str) -> None:
        if self._settings[row, column].get(f"SLICE{letter}.MODE", "LOGIC") != "CCU2":
            self.lines.append(f"assign {name} = 1'b1;")  # a chain begins beside it
            return
        self._carry(row, column, letter)
        self.lines.append(f"assign {name} = r{row}c{column}_{letter}1_out;")

    def _carry(self, row: int, column: int, letter: str) -> None:
        """Both positions of a slice in carry mode, once."""
        if (row, column, letter) in self._carries:
            return
        self._carries.add((row, column, letter))
        comes = self._net(row, column, CARRY_IN[letter])
        for half in (0, 1):
            index = 2 * SLICES.index(letter) + half
            _, get = self._slice(row, column, index)
            bits, at = self._contents(row, column, index)
            one = f"r{row}c{column}_{letter}{half}"
            low = ", ".join(self._net(row, column, f"{pin}{index}") for pin in "BA")
            injected = get(f"CCU2.INJECT1_{half}", "YES") == "YES"
            made = "1'b0" if injected else _looked_up(bits, f"{{2'b0, {low}}}")
            self.lines += [
                f"wire {one}_in = {comes};",
                f"wire {one}_lut = {_looked_up(bits, at)};",
                f"wire {one}_out = {one}_lut ? {one}_in : {made};",
            ]
            comes = f"{one}_out"

    # ---- Memory.

    def _memory(self, row: int, column: int, index: int, name: str) -> None:
        """A LUT as 16 bits of RAM: read at once, written with a clock."""
        letter, get = self._slice(row, column, index)
        bits, at = self._contents(row, column, index)
        one = f"r{row}c{column}_{letter}{index % 2}_ram"
        self.lines.append(f"assign {name} = {one}[{at}];")
        if one in self._memories:
            return
        self._memories.add(one)
        net = lambda pin: self._net(row, column, pin)  # noqa: E731
        address = [net(f"WAD{bit}{letter}_SLICE") for bit in (0, 2, 1, 3)]
        how, writes = get("WREMUX", "WRE"), net(f"WRE{SLICES.index(letter)}_SLICE")
        writes = {"WRE": writes, "INV": f"!{writes}", "0": "1'b0", "1": "1'b1"}[how]
        edge = self._edge(row, column, "CLK1")
        self.lines += [
            f"reg [15:0] {one} = {bits};",
            f"always @({edge} {net(f'WCK{SLICES.index(letter)}_SLICE')})",
            f"    if ({writes}) {one}[{{{', '.join(address)}}}] "
            f"<= {net(f'WD{index % 2}{letter}_SLICE')};",
        ]

    # ---- Flip-flops.

    def _edge(self, row: int, column: int, clock: str) -> str:
        inverted = self._settings[row, column].get(f"{clock}.CLKMUX", "CLK") == "INV"
        return "negedge" if inverted else "posedge"

    def _flip_flop(self, row: int, column: int, index: int, name: str) -> None:
        _, get = self._slice(row, column, index)
        settings, number = self._settings[row, column], index // 2
        register = f"REG{index % 2}"
        data = f"DI{index}_SLICE" if get(f"{register}.SD", "1") == "1" else f"M{index}"
        if get(f"{register}.LSRMODE", "LSR") != "LSR":
            raise ToolError(f"row {row}, column {column}: flip-flop {index} loads, which is not "
                            "simulated")  # fmt: skip
        ways = {"1": "1'b1", "0": "1'b0"}
        enable = self._net(row, column, f"CE{number}_SLICE")
        how = get("CEMUX", "CE")
        enable = ways.get(how, f"!{enable}" if how == "INV" else enable)
        (clock,) = self._sources(row, column, f"MUXCLK{number}")
        reset, asynchronous = "1'b0", False
        for line in self._sources(row, column, f"MUXLSR{number}"):
            reset = self._net(row, column, f"LSR{number}_SLICE")
            if settings.get(f"{line}.LSRMUX", "LSR") == "INV":
                reset = f"!{reset}"
            asynchronous = settings.get(f"{line}.SRMODE", "LSR_OVER_CE") == "ASYNC"
        value = "1'b0" if get(f"{register}.REGSET", "SET") == "RESET" else "1'b1"
        when = f"{self._edge(row, column, clock)} {self._net(row, column, f'CLK{number}_SLICE')}"
        self._registers[when, reset, asynchronous, enable].append(
            (name, self._net(row, column, data), value)
        )

    def finish(self) -> list[str]:
        """All that was made, flip-flops with the same controls together; a line for each of them,
        for simulators do not read lines of any length."""
        lines = self.lines
        for (when, reset, asynchronous, enable), members in self._registers.items():
            lines += ["initial begin", *(f"    {q} = {v};" for q, _, v in members), "end"]
            also = ""
            if asynchronous and reset != "1'b0":
                edge, signal = ("negedge", reset[1:]) if reset[0] == "!" else ("posedge", reset)
                also = f" or {edge} {signal}"
            lines.append(f"always @({when}{also})")
            lines.append(f"    if ({reset}) begin")
            lines += [f"        {q} <= {v};" for q, _, v in members]
            lines.append(f"    end else if ({enable}) begin")
            lines += [f"        {q} <= {d};" for q, d, _ in members]
            lines.append("    end")
        return lines


def _looked_up(bits: str, at: str) -> str:
    """A bit of a constant."""
    return f"1'({bits} >> {at})"
