"""Networks with pieces of the host in RTL: program, host, program, and every cycle predicted."""

import numpy as np
import pytest
from PIL import Image

import sim.__main__
from arch.machine import TINY
from compiler.build_folder import write_build
from compiler.flow import compile_file
from tests.long_runs import slow
from tests.samples.host_pieces import attention


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("bits", "blocks", "options"),
    [(4, 1, ["--machine-check"]), (8, 2, []), *slow((4, 2, ["--stalls", "3"]))],
    ids=str,
)
def test_the_machine_goes_on_behind_the_host(tmp_path, rng, capfd, bits, blocks, options):
    path, picture = attention(bits, blocks).save(tmp_path), tmp_path / "picture.png"
    folder = tmp_path / "build"
    write_build(compile_file(path, TINY), folder, path, input_scale=1 / 255, verilog=False)
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(picture)
    status = sim.__main__.main(["run", str(folder), "--image", str(picture), *options])
    told = capfd.readouterr().out
    assert status == 0, told
    assert "RTL equals golden" in told
    assert ("cycles predicted" in told) == ("--stalls" not in options)
