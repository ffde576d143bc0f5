"""A frame of a small network on the machine for Gowin, in that fabric: its cells are models."""

import numpy as np
import pytest

import sim.__main__
from arch.machine import GW2A_18
from arch.memory import SDR16_100
from compiler.build_folder import VERILOG, write_build
from compiler.flow import compile_file
from hw.verilog import generate
from sim.cells import gowin_cells
from tests.samples.small_onnx import Net

SIZE = 16


@pytest.mark.slow
@pytest.mark.cosim
def test_a_frame_in_gowins_cells(tmp_path, capfd):
    """Codes of every layer are golden's, and cycles those that the compiler predicts."""
    net = Net((1, 3, SIZE, SIZE))
    x = net.quant(net.conv(net.quant("x", 1 / 255, bits=8), 16, 3))
    net.head(net.quant(net.conv(x, 16, 16)), 16)
    model = tmp_path / "small.onnx"
    model.write_bytes(net.model().SerializeToString())
    build = tmp_path / "build"
    write_build(
        compile_file(model, GW2A_18, SDR16_100), build, model, input_scale=1 / 255, verilog=False
    )
    # `sim run` takes the Verilog that it finds in the build.
    (build / VERILOG).write_text(generate(GW2A_18, "gowin") + gowin_cells())
    codes = np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    np.save(tmp_path / "picture.npy", codes)
    status = sim.__main__.main(["run", str(build), "--image", str(tmp_path / "picture.npy")])
    told = capfd.readouterr()
    assert status == 0, told
    assert "RTL equals golden" in told.out
