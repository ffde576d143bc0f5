"""Blocks of ECP5 as configured, in Verilog: block RAM, multipliers, the PLL, pads.

What is configured in a way that no design of ours uses is refused, not guessed.
"""

from collections.abc import Callable

from boards.readback.configuration import Configuration
from boards.readback.wires import Wire
from boards.toolchain import ToolError

Net = Callable[[int, int, str], str]

PLL_WORDS = ("CLKI_DIV", "CLKFB_DIV", "CLKOP_DIV", "CLKOS_DIV")
PLL_PHASES = ("CLKOP_CPHASE", "CLKOP_FPHASE", "CLKOS_CPHASE", "CLKOS_FPHASE")
PLL_PINS = {
    "CLKI": "CLKI_PLL", "CLKFB": "CLKFB_PLL", "RST": "JRST_PLL", "STDBY": "JSTDBY_PLL",
    "PHASESEL0": "JPHASESEL0_PLL", "PHASESEL1": "JPHASESEL1_PLL", "PHASEDIR": "JPHASEDIR_PLL",
    "PHASESTEP": "JPHASESTEP_PLL", "PHASELOADREG": "JPHASELOADREG_PLL",
    "PLLWAKESYNC": "JPLLWAKESYNC_PLL", "ENCLKOP": "JENCLKOP_PLL",
}  # fmt: skip
PLL_OUTPUTS = {"CLKOP": ("JCLKOP_PLL",), "CLKOS": ("JCLKOS_PLL",),
               "LOCK": ("JLOCK_PLL", "JINTLOCK_PLL")}  # fmt: skip
DATA, ADDRESS, SELECT = range(18), range(14), range(3)
REGISTERS = ("INPUTA", "INPUTB", "PIPELINE", "OUTPUT")


class Blocks:
    """Makes blocks; ``net`` gives the Verilog of what drives a wire, ``named`` of an output."""

    def __init__(self, configuration: Configuration, net: Net, named: Callable):
        self._configuration, self._net, self._named = configuration, net, named
        self._made: set[str] = set()
        self.lines: list[str] = []

    def _first(self, label: str) -> bool:
        new = label not in self._made
        self._made.add(label)
        return new

    def make(self, wire: Wire) -> None:
        """Make the block that one of whose outputs is ``wire``, once."""
        row, column, pin = wire
        for ending, make in (("_EBR", self._memory), ("_MULT18", self._multiplier)):
            if pin.endswith(ending):
                if self._first(f"r{row}c{column}{ending}"):
                    make(row, column)
                return
        if self._first(f"r{row}c{column}_pll"):
            self._pll(row, column)

    def _settings(self, row: int, column: int, prefix: str) -> dict[str, str]:
        """Settings of the block whose first tile is in a place, without its name and number."""
        group = self._configuration.groups.get((row, column), {})
        return {
            name.partition(".")[2]: value for name, value in group.items()
            if name.startswith(prefix)
        }  # fmt: skip

    def _refuse(self, row: int, column: int, what: str) -> None:
        raise ToolError(f"row {row}, column {column}: {what} is not simulated")

    def _instance(self, cell: str, name: str, values: dict, pins: dict) -> None:
        parameters = ", ".join(f".{key}({value})" for key, value in values.items())
        connections = ", ".join(f".{key}({value})" for key, value in pins.items())
        self.lines.append(f"{cell} #({parameters}) {name} ({connections});")

    # ---- Block RAM.

    def _memory(self, row: int, column: int) -> None:
        settings = self._settings(row, column, "EBR")
        expected = {"CSDECODE_A": "111", "CSDECODE_B": "111", "CLKAMUX": "CLKA", "CLKBMUX": "CLKB"}
        wide = {"PDPW16KD.DATA_WIDTH_R": "36"}  # nextpnr's words for 36 bits on both ports
        plain = {"DP16KD.WRITEMODE_A": "NORMAL", "DP16KD.WRITEMODE_B": "NORMAL"}
        modes = {"PDPW16KD": wide, "DP16KD": plain}
        expected |= modes.get(settings.get("MODE"), {"MODE": "DP16KD"})
        for key, value in expected.items():
            if settings.get(key) != value:
                self._refuse(row, column, f"a block RAM with {key} {settings.get(key)}")
        if self._configuration.memory_is_set:
            self._refuse(row, column, "a block RAM that does not start with 0")
        pins = {}
        for port in "AB":
            for bit in DATA:
                pins[f"DI{port}{bit}"] = self._net(row, column, f"JDI{port}{bit}_EBR")
                pins[f"DO{port}{bit}"] = self._named((row, column, f"JDO{port}{bit}_EBR"))
            for bit in ADDRESS:
                pins[f"AD{port}{bit}"] = self._net(row, column, f"JAD{port}{bit}_EBR")
            for bit in SELECT:
                pins[f"CS{port}{bit}"] = self._net(row, column, f"JCS{port}{bit}_EBR")
            for pin in (f"CLK{port}", f"CE{port}", f"OCE{port}", f"WE{port}", f"RST{port}"):
                value = self._net(row, column, f"J{pin}_EBR")
                inverted = settings.get(f"{pin}MUX", pin) == "INV"
                pins[pin] = f"!{value}" if inverted else value
            if any(pins[f"CS{port}{bit}"] != "1'b1" for bit in SELECT):
                self._refuse(row, column, "a block RAM whose select inputs are used")
            if pins[f"RST{port}"] != "!1'b1":
                self._refuse(row, column, "a block RAM whose reset is used")
        widths = {f"DATA_WIDTH_{p}": settings.get(f"DP16KD.DATA_WIDTH_{p}", 36) for p in "AB"}
        modes = {f"REGMODE_{p}": f'"{settings[f"REGMODE_{p}"]}"' for p in "AB"}
        self._instance("DP16KD", f"r{row}c{column}_ram", widths | modes, pins)

    # ---- Multipliers.

    def _multiplier(self, row: int, column: int) -> None:
        settings = self._multiplier_settings(row, column)
        expected = {"MODE": "MULT18X18D", "SOURCEB_MODE": "B_SHIFT", "CLK0MUX": "CLK0",
                    "CE0MUX": "CE0", "RST0MUX": "RST0", "RESETMODE": "SYNC"}  # fmt: skip
        for key, value in expected.items():
            if settings.get(key) != value:
                self._refuse(row, column, f"a multiplier with {key} {settings.get(key)}")
        clocks = {f"REG_{name}_CLK": settings.get(f"REG_{name}_CLK", "NONE") for name in REGISTERS}
        if set(clocks.values()) - {"NONE", "CLK0"}:
            self._refuse(row, column, f"a multiplier with {clocks}")
        pins = {
            pin: self._net(row, column, f"J{pin}_MULT18")
            for pin in (
                *(f"{factor}{bit}" for factor in "AB" for bit in DATA),
                "CLK0", "CE0", "RST0", "SIGNEDA", "SIGNEDB", "SOURCEA", "SOURCEB",
            )
        }  # fmt: skip
        for bit in range(36):
            pins[f"P{bit}"] = self._named((row, column, f"JP{bit}_MULT18"))
        values = {key: f'"{value}"' for key, value in clocks.items()}
        self._instance("MULT18X18D", f"r{row}c{column}_product", values, pins)

    def _multiplier_settings(self, row: int, column: int) -> dict[str, str]:
        """Two in the first columns of a group of tiles, each in its own column."""
        for number, first in ((0, 0), (1, 1), (4, 0), (5, 1)):
            found = self._settings(row, column - first, f"MULT18_{number}.")
            if found:
                return found
        return {}

    # ---- The PLL.

    def _pll(self, row: int, column: int) -> None:
        # Below the wires, in their tile, or, at the upper corners, in the edge beside it.
        places = [(row + 1, column), (row, column), (row, column - 1), (row, column + 1)]
        groups = [self._configuration.groups[at] for at in places
                  if "MODE" in self._configuration.groups.get(at, {})]  # fmt: skip
        if len(groups) != 1 or groups[0]["MODE"] != "EHXPLLL":
            self._refuse(row, column, "a PLL without settings")
        settings = groups[0]
        if settings["FEEDBK_PATH"] != "CLKOP":
            self._refuse(row, column, f"a PLL fed back from {settings['FEEDBK_PATH']}")
        values = {name: int(settings[name], 2) + 1 for name in PLL_WORDS}
        values |= {name: int(settings[name], 2) for name in PLL_PHASES}
        pins = {pin: self._net(row, column, wire) for pin, wire in PLL_PINS.items()}
        for pin, names in PLL_OUTPUTS.items():
            used = [each for name in names if (each := self._named((row, column, name)))]
            pins[pin] = used[0] if used else ""
            self.lines += [f"assign {other} = {used[0]};" for other in used[1:]]
        self._instance("EHXPLLL", f"r{row}c{column}_pll", values, pins)
