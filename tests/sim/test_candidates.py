"""RTL of a program that says where boxes can be: maps as golden's, cycles as predicted."""

import numpy as np
import pytest

import compiler.__main__
import sim.__main__
from tests.samples.detectors import frame, raw_maps


@pytest.mark.cosim
def test_maps_of_candidates(tmp_path, rng, capfd):
    """Nine anchors are more than an image of machine `tiny` holds: the map is a disjunction."""
    model, folder = raw_maps(tmp_path, anchors=9), tmp_path / "build"
    options = ["--machine", "tiny", "--confidence", "0.95", "--no-verilog", "--no-check"]
    assert compiler.__main__.main(["build", str(model), *options, "-o", str(folder)]) == 0
    np.save(tmp_path / "picture.npy", frame(rng).codes)
    assert sim.__main__.main(["run", str(folder), "--image", str(tmp_path / "picture.npy")]) == 0
    told = capfd.readouterr().out
    assert "RTL equals golden" in told
    assert "/any" in told
    (line,) = (line for line in told.splitlines() if "cycles predicted" in line)
    assert len({word for word in line.replace(",", "").split() if word.isdigit()}) == 1
