"""SDR SDRAM parts: their geometry, their times, and these in cycles of a clock.

Times are in ns, as in data sheets. ``ANY_16`` and ``ANY_32`` have the slowest figure of every part
that is found on the boards, so that one bitstream serves all of them.
"""

from dataclasses import dataclass
from math import ceil

from arch.errors import ConfigurationError

BANKS = 4
CLOSE_ALL = 10
"""Bit of the address that makes PRECHARGE close all banks."""
FASTEST_CAS_2 = 100.0
"""MHz up to which all of these parts know a column latency of 2; beyond, it is 3."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """A memory chip; rows of ``1 << column_bits`` words of ``data_bits``, in four banks."""

    name: str
    data_bits: int
    row_bits: int
    column_bits: int
    #: ACTIVATE to READ or WRITE; PRECHARGE to ACTIVATE; ACTIVATE to PRECHARGE; to ACTIVATE of the
    #: same bank and of another one; REFRESH to any command; last word written to PRECHARGE.
    t_rcd: float = 20.0
    t_rp: float = 20.0
    t_ras: float = 45.0
    t_rc: float = 67.5
    t_rrd: float = 15.0
    t_rfc: float = 70.0
    t_wr: float = 15.0
    #: Clock edge to valid data, and for how long they stay after the next one.
    t_ac: float = 6.0
    t_oh: float = 2.5
    #: 8192 rows in 64 ms; wait after power-up.
    t_refi: float = 7812.5
    t_init: float = 200_000.0

    @property
    def size(self) -> int:
        """Bytes."""
        return BANKS * self.data_bits // 8 << (self.row_bits + self.column_bits)


ANY_16 = Part(name="any_16", data_bits=16, row_bits=13, column_bits=9)
"""32 MB on 16 wires: MT48LC16M16A2-75, AS4C16M16SA-7, IS42S16160G-7, W9825G6KH-6. A 64 MB
AS4C32M16SB has one more column bit: half of each of its rows is left unused."""
ANY_32 = Part(name="any_32", data_bits=32, row_bits=11, column_bits=8)
"""8 MB on 32 wires: EM638325 (Colorlight), and what is in the package of a GW2AR-18."""


@dataclass(frozen=True, kw_only=True)
class Cycles:
    """A part's times in cycles of the clock that drives it, in MHz."""

    cas: int
    rcd: int
    rp: int
    ras: int
    rrd: int
    rfc: int
    wr: int
    refi: int
    init: int
    #: From MODE REGISTER SET to any command.
    mrd: int = 2


def cycles(part: Part, clock_mhz: float) -> Cycles:
    """Return ``part``'s times at a clock rate; ConfigurationError where the part is too slow."""
    if not 10 <= clock_mhz <= 143:
        raise ConfigurationError(
            f"SDRAM at {clock_mhz:g} MHz: these parts take 10 to 143 MHz; choose another clock"
        )

    def count(ns: float) -> int:
        return max(1, ceil(ns * clock_mhz / 1000 - 1e-6))

    rp = count(part.t_rp)
    return Cycles(
        cas=2 if clock_mhz <= FASTEST_CAS_2 else 3,
        rcd=count(part.t_rcd),
        rp=rp,
        # ACTIVATE to ACTIVATE is ACTIVATE to PRECHARGE to ACTIVATE: no counter of its own.
        ras=max(count(part.t_ras), count(part.t_rc) - rp),
        rrd=count(part.t_rrd),
        rfc=count(part.t_rfc),
        wr=count(part.t_wr),
        refi=int(part.t_refi * clock_mhz / 1000),
        init=count(part.t_init),
    )


USUAL_DELAY = 6.0
"""Guess of the ns that pads and wires take, out and in together; no tool knows them."""
USUAL_LATE = 1
LEAST_PHASE, LEAST_REST = 2.5, 2.5
"""ns from the edge that sends a command to the memory's edge, and from there to the next one."""


def usual_phase(part: Part, clock_mhz: float) -> float:
    """Ns by which the memory's clock should come after the controller's.

    With a period T, a phase p and wires of D, a word is at the pads' registers from CAS * T + p +
    ``t_ac`` + D to (CAS + 1) * T + p + ``t_oh`` + D after its READ left the controller's register,
    and is taken at (CAS + 1 + late) * T. The phase puts that into the middle for ``USUAL_DELAY``
    and ``USUAL_LATE``; 5 ns at 100 MHz, with which D may be 2.5 to 9 ns.
    """
    period = 1000 / clock_mhz
    middle = (USUAL_LATE + 0.5) * period - (part.t_ac + part.t_oh) / 2 - USUAL_DELAY
    return min(max(middle, LEAST_PHASE), period - LEAST_REST)
