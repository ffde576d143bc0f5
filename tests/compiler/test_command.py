"""``python -m compiler build``: which machine and memory it takes, and what it says of them."""

from pathlib import Path

import pytest

import compiler.__main__
import golden.__main__
from arch.machine import ECP5_25F, TINY
from arch.memory import IDEAL, SDR16_133, SDR32_100
from compiler.build_folder import read_build
from compiler.flow import compile_file

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "shapes"
MODEL = EXAMPLE / "shapes.onnx"


@pytest.mark.parametrize(
    ("options", "machine", "memory"),
    [
        (["--board", "ecp5-25f"], ECP5_25F, SDR16_133),
        (["--board", "ecp5-25f", "--memory", "ideal"], ECP5_25F, IDEAL),
        (["--machine", "tiny"], TINY, IDEAL),
        (["--machine", "tiny", "--memory", "sdr32_100"], TINY, SDR32_100),
    ],
    ids=str,
)
def test_memory_of_a_build(tmp_path, capfd, options, machine, memory):
    folder = tmp_path / "build"
    given = ["build", str(MODEL), *options, "--no-check", "--no-verilog", "-o", str(folder)]
    assert compiler.__main__.main(given) == 0
    output = capfd.readouterr().out
    build = read_build(folder)
    assert (build.machine, build.manifest.prediction.memory) == (machine, memory)
    compiled = compile_file(MODEL, machine, memory)
    assert build.image.to_bytes() == compiled.image.to_bytes()
    cycles = compiled.prediction.cycles
    assert build.manifest.prediction.cycles == cycles
    assert f"{1e8 / cycles:.1f} frames/s at 100 MHz with memory {memory.name}; " in output
    assert f"\nmemory {memory}\n" in output
    assert f"for {machine.name} with memory {memory.name}, " in output


def test_a_frame_without_rtl_names_the_memory(tmp_path, capfd):
    folder = tmp_path / "build"
    given = ["build", str(MODEL), "--machine", "tiny", "--memory", "ddr3_16", "--no-check"]
    assert compiler.__main__.main([*given, "--no-verilog", "-o", str(folder)]) == 0
    picture = str(EXAMPLE / "picture0.png")
    assert golden.__main__.main(["run", str(folder), "--image", picture]) == 0
    assert " cycles predicted with memory ddr3_16; " in capfd.readouterr().out


def test_a_memory_that_is_not_known(capfd):
    with pytest.raises(SystemExit) as caught:
        compiler.__main__.main(["build", str(MODEL), "--memory", "sram"])
    assert caught.value.code == 2
    assert "invalid choice: 'sram'" in capfd.readouterr().err
