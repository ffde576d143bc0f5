"""Commands of SDR SDRAM, as the levels of RAS#, CAS# and WE# (JEDEC 21-C, 3.11.5)."""

from amaranth.lib import enum


class Command(enum.Enum, shape=3):
    """Bit 2 is RAS#, bit 1 CAS#, bit 0 WE#."""

    MODE = 0b000
    REFRESH = 0b001
    PRECHARGE = 0b010
    ACTIVATE = 0b011
    WRITE = 0b100
    READ = 0b101
    NOTHING = 0b111
