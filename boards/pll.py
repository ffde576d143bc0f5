"""The PLL of ECP5: the clock of a design and that of its memory, from the board's oscillator.

Limits are those of Lattice FPGA-DS-02012 (ECP5 and ECP5-5G Family Data Sheet), section 3.19.
"""

from dataclasses import dataclass

from amaranth.hdl import ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.cdc import ResetSynchronizer
from amaranth.lib.wiring import In

from arch.errors import ConfigurationError

OSCILLATOR = (400.0, 800.0)
"""MHz of the PLL's own oscillator."""
COMPARED = (3.125, 400.0)
"""MHz of the clock behind the reference divider."""
MOST_REFERENCE, MOST_FEEDBACK, MOST_OUTPUT = 128, 80, 128
PARTS = 8
"""Steps of a phase in a period of the oscillator."""


@dataclass(frozen=True, kw_only=True)
class PllSettings:
    """Dividers, and how far the memory's clock is behind, in parts of the oscillator's period."""

    reference: int
    feedback: int
    output: int
    phase: int
    #: Of the design, in MHz.
    clock_mhz: float

    @property
    def oscillator_mhz(self) -> float:
        return self.clock_mhz * self.output

    @property
    def part_ns(self) -> float:
        """A step of the phase."""
        return 1000 / self.oscillator_mhz / PARTS

    @property
    def phase_ns(self) -> float:
        return self.phase * self.part_ns

    @property
    def first(self) -> int:
        """An output's own phase: the middle of its range, as Lattice's tools and ecppll have it."""
        return (self.output - 1) // 2

    @property
    def memory_phases(self) -> tuple[int, int]:
        """CLKOS_CPHASE and CLKOS_FPHASE."""
        return self.first + self.phase // PARTS, self.phase % PARTS


def pll_settings(input_mhz: float, clock_mhz: float, phase_ns: float = 0.0) -> PllSettings:
    """The fastest clock that is not above ``clock_mhz``, with its copy ``phase_ns`` behind.

    Of several ways to it, the one with the smallest reference divider and then the oscillator
    nearest to the middle of its range. Raises ConfigurationError where there is none.
    """
    middle = sum(OSCILLATOR) / 2
    ways = [
        (-clock, reference, abs(clock * output - middle), feedback, output)
        for reference in range(1, MOST_REFERENCE + 1)
        if COMPARED[0] <= input_mhz / reference <= COMPARED[1]
        for feedback in range(1, MOST_FEEDBACK + 1)
        if (clock := input_mhz * feedback / reference) <= clock_mhz + 1e-9
        for output in range(1, MOST_OUTPUT + 1)
        if OSCILLATOR[0] <= clock * output <= OSCILLATOR[1]
    ]
    if not ways:
        raise ConfigurationError(
            f"no clock of {clock_mhz:g} MHz or less comes from {input_mhz:g} MHz; the PLL makes "
            f"{OSCILLATOR[0] / MOST_OUTPUT:g} MHz and more"
        )
    negative, reference, _, feedback, output = min(ways)
    clock = -negative
    phase = round(phase_ns * clock * output / 1000 * PARTS) % (output * PARTS)
    return PllSettings(
        reference=reference, feedback=feedback, output=output, phase=phase, clock_mhz=clock
    )


class Pll(wiring.Component):
    """Drives the domains ``sync``, reset until the clock is stable, and ``memory``, without reset.

    Members
    -------
    reset : ``In(1)``
        Resets ``sync``, in any phase.
    """

    def __init__(self, settings: PllSettings, input_mhz: float, clock_port):
        self.settings, self.input_mhz, self.clock_port = settings, input_mhz, clock_port
        super().__init__({"reset": In(1)})

    def elaborate(self, platform):
        m = Module()
        m.submodules.buffer = buffer = io.Buffer("i", self.clock_port)
        chosen = self.settings
        locked, clock = Signal(), Signal()
        coarse, fine = chosen.memory_phases
        m.d.comb += ClockSignal("sync").eq(clock)
        m.submodules.pll = Instance(
            "EHXPLLL",
            a_FREQUENCY_PIN_CLKI=f"{self.input_mhz:g}",
            a_FREQUENCY_PIN_CLKOP=f"{chosen.clock_mhz:g}",
            a_FREQUENCY_PIN_CLKOS=f"{chosen.clock_mhz:g}",
            a_ICP_CURRENT="12",
            a_LPF_RESISTOR="8",
            a_MFG_ENABLE_FILTEROPAMP="1",
            a_MFG_GMCREF_SEL="2",
            p_PLLRST_ENA="DISABLED",
            p_INTFB_WAKE="DISABLED",
            p_STDBY_ENABLE="DISABLED",
            p_DPHASE_SOURCE="DISABLED",
            p_OUTDIVIDER_MUXA="DIVA",
            p_OUTDIVIDER_MUXB="DIVB",
            p_OUTDIVIDER_MUXC="DIVC",
            p_OUTDIVIDER_MUXD="DIVD",
            p_CLKI_DIV=chosen.reference,
            p_CLKFB_DIV=chosen.feedback,
            p_FEEDBK_PATH="CLKOP",
            p_CLKOP_ENABLE="ENABLED",
            p_CLKOP_DIV=chosen.output,
            p_CLKOP_CPHASE=chosen.first,
            p_CLKOP_FPHASE=0,
            p_CLKOS_ENABLE="ENABLED",
            p_CLKOS_DIV=chosen.output,
            p_CLKOS_CPHASE=coarse,
            p_CLKOS_FPHASE=fine,
            i_CLKI=buffer.i,
            i_CLKFB=clock,
            i_RST=Const(0),
            i_STDBY=Const(0),
            i_PHASESEL0=Const(0),
            i_PHASESEL1=Const(0),
            i_PHASEDIR=Const(1),
            i_PHASESTEP=Const(1),
            i_PHASELOADREG=Const(1),
            i_PLLWAKESYNC=Const(0),
            i_ENCLKOP=Const(0),
            o_CLKOP=clock,
            o_CLKOS=ClockSignal("memory"),
            o_LOCK=locked,
        )
        m.submodules.synchronizer = ResetSynchronizer(~locked | self.reset)
        return m
