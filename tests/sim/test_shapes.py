"""The bundled network on the machines of boards, whole frames: predicted = counted for each memory.

That a command ends with status 0 means that no code differs and that every counter is as predicted.
"""

import pytest

import sim.__main__
from arch.machine import ECP5_25F, ECP5_85F, ECP5_85F_4BIT, ECP5_85F_16X8
from arch.memory import DDR3_16, IDEAL, SDR16_133
from compiler.build_folder import write_build
from compiler.flow import compile_file
from tests.long_runs import slow
from tests.sim.test_run import EXAMPLE, PICTURE

MODEL = EXAMPLE / "shapes.onnx"


@pytest.mark.cosim
@pytest.mark.parametrize(
    "machine",
    [ECP5_25F, *slow(ECP5_85F, ECP5_85F_16X8, ECP5_85F_4BIT)],
    ids=lambda machine: machine.name,
)
def test_shapes(tmp_path, capfd, machine):
    cycles = []
    for memory in (IDEAL, SDR16_133):
        compiled = compile_file(MODEL, machine, memory)
        build = tmp_path / memory.name
        write_build(compiled, build, MODEL, input_scale=1 / 255, verilog=False)
        # With the memory of the build, and with another one than it was made for.
        for options, named in ([], memory.name), (["--memory", DDR3_16.name], DDR3_16.name):
            given = ["run", str(build), "--image", PICTURE, *options]
            assert sim.__main__.main(given) == 0, capfd.readouterr()
            output = capfd.readouterr().out
            assert f" cycles with memory {named}; array busy in " in output
            assert " cycles predicted, " in output
            assert "RTL equals golden" in output
        cycles.append(compiled.prediction.cycles)
    print(f"{machine.name}: {cycles}")
    assert cycles[0] < cycles[1]
