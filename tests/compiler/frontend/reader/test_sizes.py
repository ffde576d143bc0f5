"""Files that leave the size of the picture open."""

import onnx
import pytest

import compiler.__main__
from compiler.build_folder import read_build
from compiler.errors import ReadError
from compiler.frontend.reader.sizes import with_size
from tests.samples.small_onnx import quantised_net


@pytest.fixture
def open_size(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    model = net.model()
    for place, name in ((0, "batch"), (2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[place].dim_param = name
    path = tmp_path / "open.onnx"
    onnx.save(model, path)
    return path


def sizes(model):
    return [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]


def test_sizes(open_size):
    assert sizes(with_size(open_size, (16, 24))) == [1, 3, 16, 24]


def test_a_fixed_size_is_kept(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    path = net.save(tmp_path)
    assert sizes(with_size(path, (8, 8))) == [1, 3, 8, 8]
    with pytest.raises(ReadError, match=r"which is fixed; export the network for pictures of 16 x"):
        with_size(path, (16, 8))


def test_build_of_a_size(open_size, tmp_path, capfd):
    folder = tmp_path / "build"
    given = ["build", str(open_size), "--machine", "tiny", "--no-verilog", "-o", str(folder)]
    assert compiler.__main__.main(given) == 2
    assert "--size HEIGHTxWIDTH" in capfd.readouterr().err
    assert compiler.__main__.main([*given, "--size", "16x24"]) == 0
    assert f"{open_size}: QONNX; picture 3 x 16 x 24" in capfd.readouterr().out
    build = read_build(folder)
    assert (build.manifest.picture.height, build.manifest.picture.width) == (16, 24)
    assert build.manifest.network == "open"
    assert build.network.shape(build.network.input) == (3, 16, 24)


def test_explain_of_a_size(open_size, capfd):
    assert compiler.__main__.main(["explain", str(open_size), "--size", "16"]) == 0
    assert "picture x: [3,16,16]" in capfd.readouterr().out


@pytest.mark.parametrize("text", ["0", "16x", "x16", "1x2x3", "a", "99999", "-3"])
def test_what_is_no_size(open_size, text, capfd):
    with pytest.raises(SystemExit):
        compiler.__main__.main(["explain", str(open_size), f"--size={text}"])
    assert "must be like 320x416" in capfd.readouterr().err
