"""A build of two layers for any machine, and a picture for it, for simulations that are slow."""

from pathlib import Path

import numpy as np

from arch.machine import Machine
from arch.memory import SDR16_100
from compiler.build_folder import write_build
from compiler.flow import compile_file
from tests.samples.small_onnx import Net

SIZE = 16


def small_build(folder: Path, machine: Machine) -> tuple[Path, Path]:
    """Write the build, without Verilog, and the picture's codes; return where they are."""
    net = Net((1, 3, SIZE, SIZE))
    x = net.quant(net.conv(net.quant("x", 1 / 255, bits=8), 16, 3))
    net.head(net.quant(net.conv(x, 16, 16)), 16)
    model, build, picture = folder / "small.onnx", folder / "build", folder / "picture.npy"
    model.write_bytes(net.model().SerializeToString())
    compiled = compile_file(model, machine, SDR16_100)
    write_build(compiled, build, model, input_scale=1 / 255, verilog=False)
    codes = np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    np.save(picture, codes)
    return build, picture
