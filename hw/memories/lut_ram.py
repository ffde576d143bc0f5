"""LUT RAM of ECP5 has 16 words: what to do with those that are not needed."""

from amaranth.hdl import Cat, Const, Value

WORDS = 16
"""Words of a memory of less; yosys would make it as many in any case."""


def padded(address: Value) -> Value:
    """Return the address of a word among ``WORDS``; which ones are used does not matter.

    Spare address pins follow bit 0, whose wire is there anyway. nextpnr leads a wire to each pin
    that is tied to a constant, low or high; there are five such pins, or ten, to each four bits of
    a word.
    """
    spare = (WORDS - 1).bit_length() - len(address)
    if spare <= 0:
        return address
    # The address of a single word has no bits.
    filler = address[0] if len(address) else Const(1)
    return Cat(address, filler.replicate(spare))
