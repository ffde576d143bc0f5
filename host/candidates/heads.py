"""Heads that the host computes: the sums of a last convolution, at the places that can be boxes.

Such a convolution looks at one place (1 x 1), so the codes of that place in the map before it, its
features, are all it needs. The arithmetic is that of the integer network, on the same integers.
"""

from collections.abc import Sequence

import numpy as np

from arch.errors import OnefourError
from golden.network import Convolution
from golden.operators import convolution_sums
from host.candidates.records import Candidates, HostHead

WEIGHT = np.dtype("<i4")


def weights_file(weights: Sequence[np.ndarray]) -> bytes:
    """``heads.bin``: the weights [channels, features] of one head after the other, little-endian
    int32."""
    return b"".join(each.astype(WEIGHT).tobytes() for each in weights)


def weights_of(content: bytes, shapes: Sequence[tuple[int, int]]) -> list[np.ndarray]:
    """The weights in ``heads.bin``, for heads of ``shapes`` (channels, features)."""
    sizes = [channels * features for channels, features in shapes]
    if len(content) != WEIGHT.itemsize * sum(sizes):
        raise OnefourError(
            f"heads.bin has {len(content)} bytes, not {WEIGHT.itemsize * sum(sizes)}: it is not "
            f"the one of this manifest"
        )
    flat = np.frombuffer(content, WEIGHT)
    parts = np.split(flat, np.cumsum(sizes)[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def head_sums(
    head: HostHead,
    candidates: Candidates,
    weights: np.ndarray,
    codes: np.ndarray,
    bits: int,
    wanted: np.ndarray,
) -> np.ndarray:
    """Sums int64 [channels, H, W] of a head where ``wanted`` [H, W], and no box elsewhere.

    There the channels that ``candidates`` compare are as far from passing as any codes of ``bits``
    bits could make them, and the others are 0. ``weights`` [channels, features]; ``codes`` uint8
    [features, H, W].
    """
    sums = np.zeros((head.channels, *wanted.shape), np.int64)
    if candidates.of == head.of:
        channels = list(candidates.channels)
        low, high = head.offset, head.step * ((1 << bits) - 1) + head.offset
        ends = weights[channels].astype(np.int64)[..., None] * np.array([low, high])
        rising = np.array(candidates.sign) > 0
        worst = np.where(rising, ends.min(-1).sum(1), ends.max(-1).sum(1))
        sums[channels] = worst[:, None, None]
    if not wanted.any():
        return sums
    features = head.step * codes[:, wanted].astype(np.int64) + head.offset
    convolution = Convolution(
        name=head.of, input="", output="", weights=weights[:, :, None, None], thresholds=None
    )
    sums[:, wanted] = convolution_sums(features[:, None], convolution)[:, 0]
    return sums
