"""What leaves a COMPUTE, at its edges."""

from types import SimpleNamespace

import numpy as np

from arch.machine import TINY
from golden.compute import outgoing


def test_positions_outside_of_the_map_write_nothing():
    fields = {
        "raw": 1, "code_bits": 0, "row_length": 4, "width": 0, "height": 0, "pair": 0,
        "address": 64, "row_bytes": 64, "position_bytes": 48, "upper_half": 0,
    }  # fmt: skip
    chip, compute = SimpleNamespace(machine=TINY), SimpleNamespace(fields=fields)
    sums = np.ones((TINY.rows, TINY.columns), np.int64)
    writes = outgoing(chip, compute, [], 0, [sums])
    assert writes.addresses.shape == writes.values.shape
    assert writes.addresses.size == 0
