"""The command ``explain``, and how ``build`` refers to it."""

import pytest

import compiler.__main__
import onefour.__main__
from compiler.frontend.pipeline import PASS_NAMES
from tests.samples.float_net import attentive
from tests.samples.qdq_net import QdqNet
from tests.samples.small_onnx import Net, quantised_net

ANEW = (
    "Or begin with the float network it was made from: python -m compiler quantize FLOAT.onnx "
    "--data FOLDER_OF_PICTURES -o OUT.onnx"
)


def run(*arguments):
    return compiler.__main__.main(["explain", *map(str, arguments)])


@pytest.fixture
def supported(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    return net.save(tmp_path)


@pytest.fixture
def floats(tmp_path):
    """Two convolutions of float weights, and a Softmax behind them."""
    net = Net()
    x = net.node("Conv", "x", net.rng.standard_normal((8, 3, 1, 1)), name="c0")
    x = net.node("Conv", x, net.rng.standard_normal((8, 8, 1, 1)), name="c1")
    net.outputs.append(net.node("Softmax", x, name="odd"))
    return net.save(tmp_path)


@pytest.fixture
def refused(tmp_path):
    """A quantised network with a Softmax between convolutions, and weights of two scales."""
    net, x = quantised_net()
    x = net.node("Conv", x, net.rng.standard_normal((8, 8, 1, 1)), name="c1")
    x = net.conv(net.node("Softmax", x, name="odd"), 8, 8)
    net.head(net.quant(x), 8)
    return net.save(tmp_path)


def test_supported(supported, capfd):
    assert run(supported) == 0
    told = capfd.readouterr()
    lines = told.out.splitlines()
    told_first = "QONNX; picture 3 x 8 x 8 (float32); opset 17; 5 nodes, 2 of them convolutions"
    assert lines[0] == f"{supported}: {told_first}"
    assert lines[1].startswith("picture x")
    assert told.err == ""


def test_console(supported, capfd):
    assert onefour.__main__.main(["explain", str(supported)]) == 0
    assert "Convolution 'conv0'" in capfd.readouterr().out


def test_refused(refused, capfd):
    assert run(refused) == 2
    told = capfd.readouterr()
    lines = told.out.splitlines()
    assert ": QONNX; " in lines[0]
    assert "Softmax at node 'odd': not supported" in lines
    assert any(line.startswith("Conv at node 'c1': weights") for line in lines)
    assert lines[-1].startswith("Supported operators: Abs, Add,")
    summary = "refused, 2 obstacles of 2 kinds, listed above"
    assert told.err == f"onefour: {refused}: {summary}. {ANEW}\n"


@pytest.mark.parametrize("command", ["explain", "build"])
def test_a_float_network(floats, tmp_path, capfd, command):
    """What it is, what the host would compute, and the one command to type next."""
    folder = tmp_path / "build"
    more = ["-o", str(folder)] if command == "build" else []
    assert compiler.__main__.main([command, str(floats), *more]) == 2
    told = capfd.readouterr()
    lines = told.out.splitlines()
    assert ": float; " in lines[0]
    assert lines[1:] == ["the host computes what follows 't1': Softmax, by onnxruntime"]
    assert f"python -m compiler quantize {floats} --data FOLDER" in told.err
    assert not folder.exists()


@pytest.mark.parametrize("command", ["explain", "build"])
def test_a_float_network_with_attention(tmp_path, capfd, command):
    """Quantised, its host computes the attention alone: nothing is said of its convolutions."""
    path = attentive().save(tmp_path)
    more = ["-o", str(tmp_path / "build")] if command == "build" else []
    assert compiler.__main__.main([command, str(path), *more]) == 2
    told = capfd.readouterr()
    _, line = told.out.splitlines()
    assert "(Reshape x 2, Transpose x 2, MatMul x 2, Softmax) will be computed by the host" in line
    assert line.endswith("the array can go on behind it once the network is quantised")
    assert f"python -m compiler quantize {path} --data FOLDER" in told.err


def test_a_float_network_that_quantising_does_not_mend(tmp_path, capfd):
    net = Net()
    x = net.node("Softmax", "x", name="odd")
    x = net.node("Conv", x, net.rng.standard_normal((8, 3, 1, 1)), name="c0")
    net.outputs.append(net.node("Conv", x, net.rng.standard_normal((8, 8, 1, 1)), name="c1"))
    path = net.save(tmp_path)
    assert compiler.__main__.main(["build", str(path), "-o", str(tmp_path / "build")]) == 2
    told = capfd.readouterr()
    assert told.out.splitlines()[1:] == ["Softmax at node 'odd': not supported"]
    assert "1 obstacle of 1 kind" in told.err
    assert "Replace what is listed, then: python -m compiler quantize" in told.err


def test_dynamic_quantisation_and_its_next_step(tmp_path, capfd):
    net = Net()
    codes, scale, zero = net.node("DynamicQuantizeLinear", "x", outputs=3)
    net.head(net.node("DequantizeLinear", codes, scale, zero), 3)
    path = net.save(tmp_path)
    assert compiler.__main__.main(["build", str(path), "-o", str(tmp_path / "build")]) == 2
    told = capfd.readouterr()
    assert told.out.splitlines()[0].startswith(f"{path}: dynamic quantisation")
    assert "computed for every picture" in told.err
    assert "DynamicQuantizeLinear" not in told.err
    assert "python -m compiler quantize FLOAT.onnx" in told.err


@pytest.mark.parametrize("name", PASS_NAMES)
def test_every_pass_can_be_shown(supported, capfd, name):
    assert run(supported, "--after", name) == 0
    told = capfd.readouterr().out.splitlines()
    assert told[1].startswith("input x[1,3,8,8]")
    assert told[-1].startswith("output ")


def test_a_refused_network_is_shown_as_far_as_it_is_understood(refused, capfd):
    assert run(refused, "--after", "fold_constants") == 0
    assert "Softmax 'odd'" in capfd.readouterr().out
    assert run(refused, "--after", "fold_pads") == 2
    told = capfd.readouterr()
    assert "Unknown 'odd'" in told.out
    assert "refused up to fold_pads, 1 obstacle of 1 kind" in told.err


def test_input_scale(supported, capfd):
    assert run(supported, "--input-scale", "0.5") == 0
    assert "scale 0.5" in capfd.readouterr().out


def test_not_a_file(tmp_path, capfd):
    assert run(tmp_path / "none.onnx") == 2
    told = capfd.readouterr()
    assert told.out == ""
    assert "cannot be read" in told.err


def test_a_defect_is_not_an_obstacle(supported, capfd, monkeypatch):
    def fail(*_):
        raise KeyError("somewhere")

    for module in ("pipeline", "obstacles"):
        monkeypatch.setattr(f"compiler.frontend.{module}.build_network", fail)
    assert run(supported) == 2
    assert "not understood (KeyError" in capfd.readouterr().err


def test_build_lists_all_kinds(refused, tmp_path, capfd):
    folder = tmp_path / "build"
    assert compiler.__main__.main(["build", str(refused), "-o", str(folder)]) == 2
    told = capfd.readouterr()
    lines = told.out.splitlines()
    assert ": QONNX; " in lines[0]
    assert "Softmax at node 'odd': not supported" in lines
    (message,) = told.err.splitlines()
    summary = "refused, 2 obstacles of 2 kinds, listed above"
    assert message == f"onefour: {refused}: {summary}. {ANEW}"
    assert not folder.exists()


def test_build_says_the_only_one_at_once(tmp_path, capfd):
    net, x = quantised_net()
    x = net.node("Softmax", net.conv(x, 8, 8, 1), name="odd")
    net.head(net.quant(x), 8)
    path = net.save(tmp_path)
    assert compiler.__main__.main(["build", str(path), "-o", str(tmp_path / "build")]) == 2
    message = capfd.readouterr().err
    assert message.startswith("onefour: Softmax 'odd': operator Softmax")
    assert message.endswith(f"{ANEW}\n")


def test_what_the_back_end_refuses_has_a_next_step_too(tmp_path, capfd):
    """Softplus of sums in 256 codes, which no product gives: a sentence, then the command."""
    net = QdqNet()
    y = net.node("Softplus", net.weighted(net.picture(), 4, 3, 4, biased=False), name="soft")
    net.result(net.coded(y, 4 / 256, 0), 4)
    path, folder = net.save(tmp_path), tmp_path / "build"
    assert compiler.__main__.main(["build", str(path), "--machine", "tiny", "-o", str(folder)]) == 2
    message = capfd.readouterr().err
    assert (
        "channel 0: no product of 24 by 24 bits gives the codes of its sums; supported" in message
    )
    assert message.endswith(f"or with a quantiser in front of the function. {ANEW}\n")
    assert not folder.exists()


def test_a_network_without_a_convolution(tmp_path, capfd):
    net = Net()
    x = net.quant(net.node("Softmax", net.quant("x", 1 / 255, 8), name="odd"))
    net.outputs.append(net.node("Hardmax", x, name="odder"))
    path = net.save(tmp_path)
    assert compiler.__main__.main(["build", str(path), "-o", str(tmp_path / "build")]) == 2
    assert capfd.readouterr().err.endswith(
        "There is no convolution in it; networks of 2-D convolutions are supported.\n"
    )
