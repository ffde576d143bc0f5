"""Starting weights by name."""

import numpy as np
import onnx
import onnxruntime
import pytest

pytest.importorskip("torch")

import torch
from onnx import numpy_helper

from quant.errors import TrainingError
from quant.model.detector import Task
from quant.model.models import make_model
from quant.model.policy import Policy
from quant.runs.run_folder import save, save_final
from quant.training.starting_weights import load_matching, read_weights
from tests.quant import tiny


def yolov5_names(model) -> dict[str, torch.Tensor]:
    """A state dict as YOLOv5's release spells it: detection layers without ``conv``."""
    return {
        name.replace(".conv.", ".") if ".24.m." in name else name: tensor
        for name, tensor in model.state_dict().items()
    }


def equal(a, b) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(),
                                                 strict=True))  # fmt: skip


@pytest.fixture
def trained(seed):
    return tiny.steps(tiny.detector("float", "yolov5pico"), seed, count=1)


def test_a_state_dict_under_yolov5s_names_comes_back(trained, tmp_path):
    save({"model": yolov5_names(trained)}, tmp_path / "yolov5.pt")
    weights = read_weights(tmp_path / "yolov5.pt")
    assert "model.24.m.0.weight" in weights
    torch.manual_seed(5)
    other = tiny.detector("float", "yolov5pico")
    other.model["0"].conv.weight.data.zero_()
    assert load_matching(other, weights) == (len(weights), len(weights))
    assert equal(other, trained)


def test_a_folder_of_ours_starts_a_quantised_network(trained, tmp_path):
    save_final(trained, tmp_path)
    model = tiny.detector("lsq", "yolov5pico")
    matched, total = load_matching(model, read_weights(tmp_path))
    assert matched == len(trained.state_dict())
    # Steps and their flags have no counterpart.
    steps = [k for k in model.state_dict() if k.rsplit(".", 1)[-1] in ("step", "started")]
    assert total - matched == len(steps)
    assert torch.equal(model.model["3"].conv.weight, trained.model["3"].conv.weight)


@pytest.mark.parametrize(
    ("before", "after"),
    [(("dorefa", 4), ("lsq", 4)), (("lsq", 4), ("lsq", 2)), (("lsq", 4), ("aqd", 4)),
     (("mpq", 4), ("lsq", 4))],
)  # fmt: skip
def test_quantisers_start_anew(before, after, seed):
    """From a quantised training as from a float one: steps are not another recipe's."""
    trained = tiny.steps(tiny.detector(before[0], bits=before[1]), seed)
    found, expected = tiny.detector(after[0], bits=after[1]), tiny.detector(after[0], bits=after[1])
    load_matching(found, trained.state_dict())
    floats = {
        name: tensor
        for name, tensor in trained.state_dict().items()
        if name.rsplit(".", 1)[-1] not in ("step", "started", "shift", "clip")
    }
    load_matching(expected, floats)
    x = tiny.pictures(seed)
    for mine, theirs in zip(found.train()(x), expected.train()(x), strict=True):
        assert torch.equal(mine, theirs)


def test_folded_normalisations_leave_their_bias(trained, seed):
    """Exporters fold: weight' = k weight, bias' = bias - k mean with k = gain / sqrt(var + eps)."""
    folded = {}
    for name, module in trained.named_modules():
        if hasattr(module, "bn"):
            bn = module.bn
            k = bn.weight / torch.sqrt(bn.running_var + bn.eps)
            folded[f"{name}.conv.weight"] = (module.conv.weight * k.view(-1, 1, 1, 1)).detach()
            folded[f"{name}.conv.bias"] = (bn.bias - k * bn.running_mean).detach()
    folded |= {n: t for n, t in yolov5_names(trained).items() if n.startswith("model.24.")}
    model = tiny.detector("float", "yolov5pico").eval()
    load_matching(model, folded)
    x = tiny.pictures(seed)
    with torch.no_grad():
        for mine, theirs in zip(model(x), trained.eval()(x), strict=True):
            torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-4)


def test_other_shapes_are_left_alone(trained):
    weights = {
        "model.0.conv.weight": torch.zeros(1),
        "model.1.conv.weight": torch.zeros(16, 8, 3, 3),
    }
    model = tiny.detector("float", "yolov5pico")
    assert load_matching(model, weights)[0] == 1
    assert model.model["0"].conv.weight.any()
    assert not model.model["1"].conv.weight.any()


def test_nothing_that_fits(tmp_path):
    with pytest.raises(TrainingError, match="no tensor of the starting weights fits this network"):
        load_matching(tiny.detector("float", "yolov5pico"), {"a": torch.zeros(3)})


def test_files_that_are_no_weights(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"not ONNX")
    with pytest.raises(TrainingError, match=r"a.onnx: not an ONNX file"):
        read_weights(tmp_path / "a.onnx")
    (tmp_path / "a.pt").write_bytes(b"not PyTorch")
    with pytest.raises(TrainingError, match=r"a.pt: not a file of this program"):
        read_weights(tmp_path / "a.pt")
    with pytest.raises(TrainingError, match=r"b.pt: no such file"):
        read_weights(tmp_path / "b.pt")
    save([1], tmp_path / "d.pt")
    with pytest.raises(TrainingError, match=r"d.pt: no state dict"):
        read_weights(tmp_path / "d.pt")
    save({"model": {"epoch": 3}}, tmp_path / "c.pt")
    with pytest.raises(TrainingError, match=r"c.pt: no state dict"):
        read_weights(tmp_path / "c.pt")


@pytest.mark.real
def test_the_published_yolov5n_is_this_layout(real_data, seed):
    """With the release's activation, its weights give its results."""
    path = real_data / "models" / "yolov5n_640_fp32_rawheads.onnx"
    names = tuple(str(n) for n in range(80))
    task = Task(names=names, height=640, width=640, anchors=(((1.0, 1.0),) * 3,) * 3)
    model = make_model("yolov5n", task, Policy())
    load_matching(model, read_weights(path))
    for module in model.modules():
        if hasattr(module, "bn"):
            module.act = torch.nn.SiLU()
    x = torch.rand(1, 3, 640, 640, generator=torch.Generator().manual_seed(seed))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    expected = session.run(None, {session.get_inputs()[0].name: x.numpy()})
    with torch.no_grad():
        found = model.eval()(x)
    for mine, theirs in zip(found, sorted(expected, key=np.size, reverse=True), strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs.reshape(mine.shape), atol=1e-2)


@pytest.mark.real
def test_the_published_yolov5n(real_data):
    path = real_data / "models" / "yolov5n_640_fp32_rawheads.onnx"
    file = {i.name: numpy_helper.to_array(i) for i in onnx.load(str(path)).graph.initializer}
    names = tuple(str(n) for n in range(80))
    task = Task(names=names, height=64, width=64, anchors=(((1.0, 1.0),) * 3,) * 3)
    model = make_model("yolov5n", task, Policy())
    matched, _ = load_matching(model, read_weights(path))
    # The file's normalisations are folded: 57 weights, and three detection layers with biases.
    assert matched == 57 + 3 + 3
    for name, module in model.named_modules():
        if hasattr(module, "bn"):
            np.testing.assert_array_equal(module.conv.weight.detach(), file[f"{name}.conv.weight"])
            np.testing.assert_array_equal(module.bn.bias.detach(), file[f"{name}.conv.bias"])
    for n, layer in enumerate(model.model["24"].m):
        np.testing.assert_array_equal(layer.conv.weight.detach(), file[f"model.24.m.{n}.weight"])
        np.testing.assert_array_equal(layer.conv.bias.detach(), file[f"model.24.m.{n}.bias"])
