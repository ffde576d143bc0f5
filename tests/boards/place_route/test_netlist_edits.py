"""Which edits a netlist gets."""

import json

import pytest

from boards.devices import LFE5U_25F
from boards.place_route.netlist_edits import edit_netlist
from tests.boards.place_route.test_small_resets import flip_flop, netlist


@pytest.mark.parametrize(("flip_flops", "luts"), [(18_375, 0), (20_000, 2)])
def test_resets_become_logic_where_flip_flops_are_many(tmp_path, flip_flops, luts):
    path = tmp_path / "netlist.json"
    path.write_text(json.dumps(netlist(flip_flop(0, value="SET", reset="LSR", enable="CE"))))
    edit_netlist(path, {"TRELLIS_FF": flip_flops}, LFE5U_25F)
    cells = json.loads(path.read_text())["modules"]["top"]["cells"].values()
    assert sum(cell["type"] == "LUT4" for cell in cells) == luts
