"""A frame of a small network on the machine for Gowin, in that fabric: its cells are models."""

import pytest

import sim.__main__
from arch.machine import GW2A_18
from compiler.build_folder import VERILOG
from hw.verilog import generate
from sim.cells import gowin_cells
from tests.samples.small_onnx import small_build


@pytest.mark.slow
@pytest.mark.cosim
def test_a_frame_in_gowins_cells(tmp_path, capfd):
    """Codes of every layer are golden's, and cycles those that the compiler predicts."""
    build, picture = small_build(tmp_path, GW2A_18)
    # `sim run` takes the Verilog that it finds in the build.
    (build / VERILOG).write_text(generate(GW2A_18, "gowin") + gowin_cells())
    status = sim.__main__.main(["run", str(build), "--image", str(picture)])
    told = capfd.readouterr()
    assert status == 0, told
    assert "RTL equals golden" in told.out
