"""LUT RAM of ECP5 has 16 words: what to do with those that are not needed."""

from amaranth.hdl import Cat, Const, Value

WORDS = 16
"""Words of a memory of less; yosys would make it as many in any case."""


def padded(address: Value) -> Value:
    """Return the address of a word among ``WORDS``: the last ones are used.

    An address pin that is tied low costs nextpnr a wire each, one that is tied high costs nothing;
    there are five such pins, or ten, to each four bits of a word.
    """
    spare = (WORDS - 1).bit_length() - len(address)
    return Cat(address, Const((1 << spare) - 1, spare)) if spare > 0 else address
