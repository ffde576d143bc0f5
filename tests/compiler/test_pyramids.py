"""Feature pyramids with shared heads, from float to the machine: all codes, and the own outputs."""

import onnx
import pytest

from arch.machine import TINY
from arch.memory import IDEAL
from compiler.build_folder import compiled_manifest
from compiler.check.frame import busy_picture, check_frame
from compiler.flow import compile_file
from compiler.quantize.float_network import read_float_network
from compiler.quantize.options import Options
from compiler.quantize.quantise import quantise
from tests.samples.float_net import pictures_of
from tests.samples.pyramids import LEVELS, fcos, retinanet


@pytest.mark.parametrize(("shape", "outputs", "bits"), [(retinanet, 2, 8), (fcos, 3, 4)])
def test_pyramids(tmp_path, shape, outputs, bits):
    network = read_float_network(shape().save(tmp_path))
    pictures = pictures_of(tmp_path / "pictures", size=32)
    options = Options(weights=bits, activations=bits, pictures=4, windows=4)
    path = tmp_path / "quantised.onnx"
    onnx.save(quantise(network, pictures, options), path)
    compiled = compile_file(path, TINY, IDEAL)
    manifest = compiled_manifest(compiled, path, 1 / 255, None)
    codes = busy_picture(compiled.network.shape(compiled.network.input))
    tail = compiled.parts.model.SerializeToString()
    # DifferenceError where a code or an output differs.
    checked = check_frame(compiled.network, path, compiled.image, manifest, codes, tail)
    assert checked.codes > 1_000
    assert len(manifest.tail.outputs) == outputs * LEVELS
