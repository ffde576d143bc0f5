"""What a COMPUTE whose codes are signs must keep to."""

import pytest

from arch.isa import Planes, PostMode, with_chip_place
from arch.machine import ECP5_25F, TINY
from golden.compute import Pass
from golden.program import Instruction, MachineError
from golden.signs import check_signs
from tests.samples.machines import SMALL16

GOOD = {
    "post_mode": PostMode.THRESHOLDS, "raw": 0, "code_bits": 0, "pair": 0, "add_ones": 0,
    "planes": Planes.ONE, "sum_pieces": 3, "row_length": 8, "on_chip": 0, "address": 64,
    "row_bytes": 0, "position_bytes": 1,
}  # fmt: skip
PLACE = {"row_pairs": 4, "groups": 1}


class Named(Instruction):
    def __str__(self) -> str:
        return "COMPUTE"


def test_what_is_allowed():
    passes = [Pass(**dict.fromkeys(Pass._fields, 1))]
    check_signs(TINY, Named(0, 0, 0, GOOD), passes)
    chip = with_chip_place(GOOD | {"row_length": 16}, PLACE)
    check_signs(SMALL16, Named(0, 0, 0, chip), passes)
    unless = [passes[0]._replace(less=0)]
    check_signs(ECP5_25F, Named(0, 0, 0, GOOD), unless)  # thresholds refuse it, with a word of it


@pytest.mark.parametrize(
    ("machine", "changes", "flags", "message"),
    [
        (ECP5_25F, {}, {}, "passes that count less are for the signs of sums"),
        (TINY, {"code_bits": 1}, {}, "passes that count less are for the signs of sums"),
        (TINY, {"pair": 1}, {}, "pair with the signs of sums is not defined"),
        (TINY, {"add_ones": 1}, {}, "add_ones with the signs of sums is not defined"),
        (TINY, {"planes": Planes.TWO}, {}, "writes signs as 2 planes, not 1"),
        (TINY, {}, {"pool_last": 0}, "the signs of sums cannot be pooled"),
        (TINY, {"sum_pieces": 2}, {}, "leave in 3 cycles; they take at least 4"),
        (TINY, {"row_length": 6}, {}, "row_length 6 of signs must be a multiple of 4"),
        (TINY, {"address": 66}, {}, "address 66 of signs must be a multiple of 4"),
        (TINY, {"row_bytes": 2}, {}, "row_bytes 2 of signs must be a multiple of 4"),
        (TINY, {"position_bytes": 2}, {}, "position_bytes 2 of signs must be 1"),
        (SMALL16, {"apart": 1}, {}, "signs lie one behind the other, not apart"),
    ],
)
def test_what_is_refused(machine, changes, flags, message):
    fields = GOOD | changes
    if "apart" in fields:
        fields = with_chip_place(fields, PLACE | {"apart": fields.pop("apart")})
    passes = [Pass(**dict.fromkeys(Pass._fields, 1) | flags)]
    with pytest.raises(MachineError, match=f"COMPUTE.* {message}"):
        check_signs(machine, Named(0, 0, 0, fields), passes)
