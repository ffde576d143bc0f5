"""Wires have other names in every tile that they pass, and lead back to what drives them."""

import pytest

from boards.readback.configuration import parse_configuration
from boards.readback.wires import Wires, relative
from boards.toolchain import ToolError

TEXT = """\
.device LFE5U-25F

.comment Part: LFE5U-25F-6CABGA381

.tile R10C10:PLC2
arc: E1_H02E0001 Q2
arc: CLK0 G_HPBX0100
arc: MUXCLK0 CLK0
word: SLICEA.K0.INIT 0000000011111111
enum: SLICEA.MODE LOGIC

.tile R10C12:PLC2
arc: H00L0000 W1_H02E0001
arc: C0 H00L0000
arc: DI1 F1

.tile TAP_R10C4:TAP_DRIVE
arc: R_HPBX0100 G_VPTX0100

.tile MIB_R13C3:DSP_SPINE_UL1
arc: G_VPTX0100 G_HPRX0100

.tile MIB_R13C31:CMUX_UL_0
arc: G_ULPCLK1 G_HPFE0300

.tile MIB_R25C3:LMID_0
arc: G_LDCC3CLKI G_JLLCPLL0CLKOP

.tile_group MIB_R50C2:PLL0_LL MIB_R50C3:BANKREF8
word: CLKI_DIV 0000100
"""


@pytest.fixture(scope="module")
def configuration():
    return parse_configuration(TEXT)


@pytest.fixture(scope="module")
def wires(configuration):
    return Wires(configuration)


def test_a_configuration(configuration):
    assert (configuration.device, configuration.package) == ("LFE5U-25F", "CABGA381")
    assert configuration.settings[10, 10]["SLICEA.K0.INIT"] == "0000000011111111"
    assert configuration.groups[50, 2] == {"CLKI_DIV": "0000100"}
    assert (10, 12, "C0", "H00L0000") in configuration.arcs


def test_what_is_no_configuration():
    with pytest.raises(ToolError, match=r"here, line 2: 'nonsense' is no configuration"):
        parse_configuration(".device LFE5U-25F\nnonsense\n", "here")
    with pytest.raises(ToolError, match="names no device"):
        parse_configuration("")


def test_names():
    assert relative("S2E1_JA0") == ("", 2, 1, "JA0")
    assert relative("N1_V02N0701") == ("", -1, 0, "V02N0701")
    assert relative("25K_N24W2_JPADDIA_PIO") == ("25K_", -24, -2, "JPADDIA_PIO")
    assert relative("JA0_EBR") == ("", 0, 0, "JA0_EBR")


def test_a_way_over_three_tiles(wires):
    assert wires.driver(10, 12, "C0_SLICE") == (10, 10, "Q2_SLICE")
    assert wires.driver(10, 12, "DI1_SLICE") is None  # the switch onto F1 is not on
    assert wires.driver(10, 12, "D0_SLICE") is None


def test_a_clock_from_the_pll_to_a_slice(wires):
    assert wires.driver(10, 10, "CLK0_SLICE") == (49, 2, "JCLKOP_PLL")


def test_two_drivers(configuration):
    twice = parse_configuration(TEXT + ".tile R10C10:PLC2\narc: E1_H02E0001 Q3\n")
    with pytest.raises(ToolError, match=r"is driven from \[\(10, 10, 'Q2_SLICE'\), \(10, 10, 'Q3"):
        Wires(twice).driver(10, 12, "C0_SLICE")
