"""Networks of one and of two channels: whole frames of RTL, from the command line's side."""

import numpy as np
import pytest
from PIL import Image

import sim.__main__
from arch.machine import TINY
from compiler.build_folder import write_build
from compiler.flow import compile_file
from tests.samples.small_onnx import Net


def build(folder, channels: int, size: int = 10) -> str:
    net = Net(shape=(1, channels, size, size))
    net.head(net.quant(net.node("Relu", net.node("Add", net.conv("x", 8, channels), 0.3))), 8)
    model = net.save(folder)
    compiled = compile_file(model, TINY)
    write_build(compiled, folder / "build", model, input_scale=1 / 255, verilog=False)
    return str(folder / "build")


def run(folder, channels: int, picture, capfd) -> str:
    given = ["run", build(folder, channels), "--image", str(picture), "--machine-check"]
    status = sim.__main__.main(given)
    output = capfd.readouterr()
    assert status == 0, output.err
    return output.out


@pytest.mark.cosim
@pytest.mark.parametrize(("channels", "mode"), [(1, "RGB"), (1, "L"), (2, "LA")])
def test_frames_of_pictures(tmp_path, rng, capfd, channels, mode):
    picture = tmp_path / "picture.png"
    pixels = rng.integers(256, size=(17, 23, len(Image.new(mode, (1, 1)).getbands())))
    Image.fromarray(pixels.squeeze().astype(np.uint8), mode).save(picture)
    assert "RTL equals golden" in run(tmp_path, channels, picture, capfd)


@pytest.mark.cosim
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_frames_of_arrays(tmp_path, rng, capfd, channels):
    array = tmp_path / "picture.npy"
    np.save(array, rng.integers(256, size=(10, 10, channels)).astype(np.uint8))
    assert "RTL equals golden" in run(tmp_path, channels, array, capfd)


def test_a_picture_of_other_channels_is_refused(tmp_path, capfd):
    picture = tmp_path / "picture.png"
    Image.new("RGB", (8, 8)).save(picture)
    assert sim.__main__.main(["run", build(tmp_path, 2), "--image", str(picture)]) == 2
    message = "the network takes pictures of 2 channels, and this one has R, G, B; give a picture"
    assert message in capfd.readouterr().err
