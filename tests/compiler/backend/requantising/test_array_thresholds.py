import numpy as np
import pytest

from arch.machine import TINY, Machine
from compiler.backend.capacity import check_sums
from compiler.backend.job import ChannelSpan, Job, Tap
from compiler.backend.packing import pack
from compiler.backend.requantising.array_thresholds import relate, sum_thresholds
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError
from golden.network import Thresholds


def make(seed, bits, weight_bits, step=1, offset=0):
    rng = np.random.default_rng(seed)
    used = np.arange(16) < rng.integers(1, 17)
    if weight_bits == 1:
        weights = rng.choice([-1, 1], (6, 16))
    else:
        weights = rng.integers(-(1 << weight_bits - 1), 1 << weight_bits - 1, (6, 16))
    weights = np.where(used, weights, 0)
    storage = Storage(
        name="x", tensor="x", kind="codes", channels=16, height=1, width=1, bits=bits, step=step,
        offset=offset,
    )  # fmt: skip
    levels = np.sort(rng.integers(-60, 60, (6, 3)), axis=1).astype(np.int64)
    levels[0, 2], levels[1, 0] = Thresholds.FAR, -Thresholds.FAR
    taps = (Tap(0, 0, 0, weights, used),)
    job = Job(
        name="w",
        span=ChannelSpan(0, 6, (("x", 0),), taps, offset * weights.sum(1), 0),
        height=1,
        width=1,
        output="y",
        thresholds=Thresholds(levels=levels, sign=np.array([1, -1, 1, -1, 1, -1], np.int8)),
        step=step,
    )
    return job, {"x": storage}, rng


def counted(codes, planes, weight_codes, weight_planes, ones_code):
    """Sum as the array counts it, bit by bit, ones row included when there is one."""
    total = 0
    for i in range(planes):
        for j in range(weight_planes):
            total += ((codes >> i & 1) ^ (weight_codes >> j & 1)).sum() << (i + j)
            if ones_code is not None:
                total += ((codes >> i & 1) ^ (ones_code >> j & 1)).sum() << (i + j)
    return total


@pytest.mark.parametrize("encoding", [(1, 0), (1, -3), (2, -1)])
@pytest.mark.parametrize("bits", [1, 2, 4])
@pytest.mark.parametrize("weight_bits", [1, 2, 4])
def test_counting_gives_the_integers_and_their_codes(bits, weight_bits, encoding):
    step, offset = encoding
    for seed in range(8):
        job, storages, rng = make(seed, bits, weight_bits, step, offset)
        packed, tap = pack(job, storages, TINY), job.span.taps[0]
        grid = packed.grid
        relation = relate(packed, [grid.codes(tap)], storages, (0,))
        wanted = sum_thresholds(job.thresholds, relation, 2, TINY)
        table, flip = wanted.levels, wanted.flip
        assert (np.diff(table, axis=1) >= 0).all()
        for _ in range(5):
            codes = np.where(tap.used, rng.integers(0, 1 << bits, 16), 0)
            v = ((step * codes + offset) * tap.weights).sum(1)
            for row in range(6):
                total = counted(
                    codes,
                    bits,
                    grid.codes(tap)[row],
                    grid.bits,
                    None if grid.odd else grid.ones_code,
                )
                assert wanted.low[row] <= total <= wanted.high[row]
                assert (total - wanted.low[row]) % wanted.spacing == 0
                assert relation.base[row] - step * total == relation.divisor * v[row]
                thresholds = job.thresholds
                code = (thresholds.sign[row] * v[row] >= thresholds.levels[row]).sum()
                assert (table[row] <= total).sum() ^ (3 * flip[row]) == code


def test_sums_that_could_overflow_are_refused():
    job, storages, _ = make(0, 4, 4)
    narrow = Machine(name="narrow", rows=8, columns=4, accumulator_bits=8)
    with pytest.raises(UnsupportedError, match="layer 'w': sums up to 3600 do not fit the 8-bit"):
        check_sums(pack(job, storages, TINY), narrow)
