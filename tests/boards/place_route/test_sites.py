"""Sites of block RAMs and multipliers: as many as the data sheet has, as nextpnr names them."""

import pytest

from boards.devices import LFE5U_12F, LFE5U_25F, LFE5U_45F, LFE5U_85F
from boards.place_route.sites import sites


@pytest.mark.parametrize(
    "device", [LFE5U_12F, LFE5U_25F, LFE5U_45F, LFE5U_85F], ids=lambda device: device.name
)
def test_a_device_has_as_many_as_its_data_sheet_says(device):
    found = sites(device.name)
    assert {kind: len(set(places)) for kind, places in found.items()} == {
        "DP16KD": device.block_rams,
        "MULT18X18D": device.multipliers,
    }


def test_names_and_places():
    """Of a 25F: the first block of each row."""
    found = sites("LFE5U-25F")
    assert found["MULT18X18D"][:4] == [
        "X4/Y13/MULT18_0", "X5/Y13/MULT18_1", "X8/Y13/MULT18_4", "X9/Y13/MULT18_5"
    ]  # fmt: skip
    assert found["DP16KD"][:4] == ["X4/Y25/EBR0", "X6/Y25/EBR1", "X8/Y25/EBR2", "X10/Y25/EBR3"]
