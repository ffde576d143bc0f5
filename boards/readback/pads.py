"""Pads of ECP5 and the registers beside them, as configured, in Verilog."""

import re
from collections.abc import Callable, Iterator

from boards.readback.configuration import Configuration
from boards.readback.wires import device_table
from boards.toolchain import ToolError

Place = tuple[int, int, str]
"""Row, column and letter of a pad."""

LOCATED = re.compile(r'LOCATE COMP "([^"\[]+)(?:\[(\d+)\])?" SITE "(\w+)"')


def located(constraints: str, configuration: Configuration) -> dict[tuple[str, int | None], Place]:
    """Where constraints (LPF) put ports: by name, and bit of those that have several.

    Raises :class:`ToolError` for a pin that the package does not have.
    """
    packages = device_table(configuration.device, "iodb.json")["packages"]
    pins = packages.get(configuration.package)
    if pins is None:
        raise ToolError(f"package {configuration.package} of {configuration.device} is not known")
    found = {}
    for name, bit, site in LOCATED.findall(constraints):
        if site not in pins:
            raise ToolError(f"{name} is at pin {site}, which {configuration.package} has not")
        at = pins[site]
        found[name, int(bit) if bit else None] = (at["row"], at["col"], at["pio"])
    return found


class Pads:
    """Makes pads; ``net`` gives the Verilog of what drives a wire, ``named`` that of an output
    (None where nothing uses it)."""

    def __init__(
        self,
        configuration: Configuration,
        net: Callable[[int, int, str], str],
        named: Callable[[tuple[int, int, str]], str | None],
    ):
        self._configuration, self._net, self._named = configuration, net, named
        self._by_place: dict[Place, dict[str, str]] = {}

    def settings(self, place: Place) -> dict[str, str]:
        """Settings of a pad (``PIO.``) and its registers (``IOLOGIC.``), from all their tiles."""
        row, column, letter = place
        found = {}
        for down in range(3):
            for right in range(2):
                at = self._configuration.settings.get((row + down, column + right), {})
                for name, value in at.items():
                    kind, _, key = name.partition(".")
                    if kind in (f"PIO{letter}", f"IOLOGIC{letter}", f"SIOLOGIC{letter}"):
                        found[f"{kind[:-1].removeprefix('S')}.{key}"] = value
        return found

    def direction(self, place: Place) -> str:
        """INPUT, OUTPUT or BIDIR; an empty one where the pad is not used."""
        return self.settings(place).get("PIO.BASE_TYPE", "").partition("_")[0]

    def drives(self, place: Place) -> bool:
        return self.direction(place) in ("OUTPUT", "BIDIR")

    def make(self, place: Place, port: str) -> Iterator[str]:
        """A pad, between the port and the wires of the chip."""
        row, column, letter = place
        settings, one = self.settings(place), f"r{row}c{column}_{letter}"
        inward = self._named((row, column, f"JPADDI{letter}_PIO"))
        registered = self._named((row, column, f"JINFF{letter}_IOLOGIC"))
        way = self.direction(place)
        if way == "INPUT":
            yield f"wire {one}_i;"
            yield f"IB {one} (.I({port}), .O({one}_i));"
        elif self.drives(place):
            yield from self._driven(place, port, settings, f"{one}_i", bidirectional=way == "BIDIR")
        if way == "OUTPUT":
            return
        if inward:
            yield f"assign {inward} = {one}_i;"
        if registered:
            clock, enable, reset = self._controls(place)
            yield (f"IFS1P3DX {one}_in (.D({one}_i), .SP({enable}), .SCLK({clock}), .CD({reset}), "
                   f".Q({registered}));")  # fmt: skip

    def _controls(self, place: Place) -> tuple[str, str, str]:
        row, column, letter = place
        logic = self.settings(place)
        usual = {"IOLOGIC.CLKIMUX": "CLK", "IOLOGIC.CLKOMUX": "CLK", "IOLOGIC.CEMUX": "CE",
                 "IOLOGIC.LSRMUX": "LSR"}  # fmt: skip
        for key, value in usual.items():
            if logic.get(key, value) != value:
                raise ToolError(f"pad {letter} of row {row}, column {column}: {key} {logic[key]} "
                                "is not simulated")  # fmt: skip
        reset = "1'b0"
        if "LSRMUX" in (logic.get("IOLOGIC.LSRIMUX"), logic.get("IOLOGIC.LSROMUX")):
            reset = self._net(row, column, f"JLSR{letter}_IOLOGIC")
        return (
            self._net(row, column, f"JCLK{letter}_IOLOGIC"),
            self._net(row, column, f"JCE{letter}_IOLOGIC"),
            reset,
        )

    def _driven(
        self, place: Place, port: str, settings: dict, inward: str, *, bidirectional: bool
    ) -> Iterator[str]:
        row, column, letter = place
        one = f"r{row}c{column}_{letter}"
        net = lambda pin: self._net(row, column, pin)  # noqa: E731
        out, off = net(f"JPADDO{letter}"), net(f"JPADDT{letter}") if bidirectional else "1'b0"
        if "IOLDO" in (settings.get(f"PIO.DATAMUX_{kind}") for kind in ("OREG", "ODDR")):
            out = f"{one}_out"
            yield f"wire {out};"
            clock, enable, reset = self._controls(place)
            data = [net(f"JTXDATA{bit}{letter}_IOLOGIC") for bit in (0, 1)]
            match settings.get("IOLOGIC.MODE"):
                case "IREG_OREG":
                    yield (f"OFS1P3DX {one}_o (.D({data[0]}), .SP({enable}), .SCLK({clock}), "
                           f".CD({reset}), .Q({out}));")  # fmt: skip
                case "IDDRX1_ODDRX1":
                    yield (f"ODDRX1F {one}_o (.D0({data[0]}), .D1({data[1]}), .SCLK({clock}), "
                           f".RST({reset}), .Q({out}));")  # fmt: skip
                case mode:
                    raise ToolError(f"{port}: registers in mode {mode} are not simulated")
        if settings.get("PIO.TRIMUX_TSREG") == "IOLTO":
            off = f"{one}_off"
            yield f"wire {off};"
            clock, enable, reset = self._controls(place)
            yield (f"OFS1P3DX {one}_t (.D({net(f'JTSDATA0{letter}_IOLOGIC')}), .SP({enable}), "
                   f".SCLK({clock}), .CD({reset}), .Q({off}));")  # fmt: skip
        if bidirectional:
            yield f"wire {inward};"
            yield f"BB {one} (.I({out}), .T({off}), .O({inward}), .B({port}));"
        else:
            yield f"OBZ {one} (.I({out}), .T({off}), .O({port}));"
