"""How a tensor's codes are stored so that its padding is one of them, and thresholds for that."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from arch.formats import CODE_BITS
from compiler.backend.padding import LOWEST, Padding
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError
from golden.network import Tensor, Thresholds


@dataclass(frozen=True)
class StoredForm:
    """stored = ``multiplier`` * code + ``shift``; value = ``step`` * stored + ``offset``."""

    bits: int
    step: int
    offset: int
    multiplier: int
    shift: int
    pad_code: int


def stored_form(tensor: Tensor, padding: Padding, *, picture: bool = False) -> StoredForm:
    """The narrowest form of ``tensor`` in which ``padding`` exists.

    A +-1 tensor surrounded by 0 becomes 0 and 2 around 1, with value = stored - 1: one more bit,
    and exact. Raises :class:`UnsupportedError` where four bits do not suffice.
    """
    plain = StoredForm(tensor.bits, tensor.step, tensor.offset, 1, 0, 0)
    if padding is None or padding == LOWEST:
        return plain
    code, rest = divmod(padding - tensor.offset, tensor.step)
    if rest == 0 and 0 <= code < 1 << tensor.bits:
        return StoredForm(tensor.bits, tensor.step, tensor.offset, 1, 0, code)
    low, high = tensor.offset, tensor.offset + tensor.step * ((1 << tensor.bits) - 1)
    first = min(low, padding)
    bits = (max(high, padding) - first).bit_length()
    if max(bits, tensor.bits) > CODE_BITS or picture:
        raise UnsupportedError(
            f"tensor {tensor.name!r}: padding with the integer {padding}, which is none of its "
            f"codes ({low}..{high} in steps of {tensor.step}); supported: a value of the "
            f"quantiser, or one near them if {CODE_BITS} bits "
            f"hold both; pad with a value of the quantiser (an explicit Pad node)"
        )
    return StoredForm(bits, 1, first, tensor.step, low - first, padding - first)


def stored_thresholds(thresholds: Thresholds | None, storage: Storage) -> Thresholds | None:
    """Thresholds for stored codes: multiplier m repeats each level, shifts are always passed."""
    if thresholds is None or (storage.multiplier, storage.shift) == (1, 0):
        return thresholds
    levels = np.repeat(thresholds.levels, storage.multiplier, axis=1)
    shift = np.full((levels.shape[0], storage.shift), -Thresholds.FAR)
    return Thresholds(levels=np.concatenate([shift, levels], axis=1), sign=thresholds.sign)


def moving_thresholds(
    sources: Sequence[Storage], target: Storage, *, summed: bool = False
) -> Thresholds:
    """Thresholds that turn the stored codes of each channel into those of ``target``.

    Channels of a Concat may come from storages of different forms. ``summed``: sums of bits are
    turned, of which none is more than 1, but their sum is.
    """
    stored = np.arange(1, 1 << target.bits) - target.shift
    codes = -(-stored // target.multiplier)
    levels = [codes * source.multiplier + source.shift for source in sources]
    levels = np.where(stored <= 0, -Thresholds.FAR, np.array(levels, np.int64))
    if summed:
        levels = np.where(codes > 1, Thresholds.FAR, levels)
    return Thresholds(levels=levels, sign=np.ones(target.channels, np.int8))
