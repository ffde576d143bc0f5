"""Models, with and without waves, use the simulator's objects that are there."""

import pytest

from sim.runtime import runtime_objects
from sim.toolchain import verilator_environment
from sim.verilator import Model

SOURCE = "module counter;\n reg clk = 0; always #5 clk = !clk;\nendmodule\n"


@pytest.mark.parametrize("waves", [False, True])
def test_objects_are_compiled_once(waves):
    with verilator_environment():
        folder = runtime_objects(waves)
        compiled = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}
        assert runtime_objects(waves) == folder
    model = Model("counter", {"counter.v": SOURCE}, waves=waves).build()
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == compiled
    log = (model.folder / "make.log").read_text()
    assert "counter" in log
    assert not [name for name in compiled if f"/{name.removesuffix('.o')}.cpp" in log]
