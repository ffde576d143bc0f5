"""A published 4-bit detector, whole frames of a real picture: ONNX, network, machine and RTL."""

import json

import pytest

import sim.__main__
from arch.machine import ECP5_25F, ECP5_85F
from compiler.build_folder import write_build
from compiler.flow import compile_file

MODEL = "ultranet_w4a4_muladd.onnx"


@pytest.mark.real
@pytest.mark.cosim
@pytest.mark.parametrize(
    "machine",
    [ECP5_25F, pytest.param(ECP5_85F, marks=pytest.mark.slow)],
    ids=lambda machine: machine.name,
)
def test_ultranet(real_data, tmp_path, capfd, machine):
    model = real_data / "models" / MODEL
    picture = sorted((real_data / "coco128" / "images").rglob("*.jpg"))[3]
    build = tmp_path / "build"
    write_build(compile_file(model, machine), build, model, input_scale=1 / 255, verilog=False)
    record = tmp_path / "record.json"
    status = sim.__main__.main(
        ["run", str(build), "--image", str(picture), "--record", str(record)]
    )
    output = capfd.readouterr().out
    assert status == 0, output
    layers = [line for line in output.splitlines() if " codes, differing:" in line]
    assert len(layers) == 9
    for line in layers:
        counts = line.split("differing:")[1].split()
        assert counts == ["float64", "0", "onnxruntime", "0", "machine", "0", "RTL", "0"]
    figures = {entry["name"].split(".")[-1]: entry["value"] for entry in json.loads(
        record.read_text())}  # fmt: skip
    assert figures["codes"] == 429_600
    assert figures["utilisation"] >= 70
    assert figures["utilisation_rest"] >= 85
