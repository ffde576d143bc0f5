"""From PyTorch to integers: what was trained, what is exported and what is compiled are one."""

import numpy as np
import onnx
import pytest

pytest.importorskip("torch")

import torch
from onnx import numpy_helper

from arch.machine import ECP5_25F
from compiler.check.compare import differing_codes, differing_sums
from compiler.check.onnx import against_onnx
from compiler.check.reference import run_float64
from compiler.errors import OnefourError
from compiler.flow import compile_file
from compiler.frontend.pipeline import read_network
from golden.execute import run
from host.description import read_description
from quant.data.pictures import Loaded
from quant.data.render import RenderConfig, render
from quant.errors import TrainingError
from quant.exports.export import export_run
from quant.exports.verify import compare_export
from quant.model.models import make_model
from quant.recipes import make_recipe
from quant.runs.run_folder import SETTINGS, load_final, save_final
from quant.runs.settings import Settings
from quant.training.correction import fold_corrections, insert_corrections
from quant.training.settle import settle_norms
from tests.quant import tiny

#: Recipe, network, bits, options. The plain network takes a tenth of the time of the others.
CASES = {
    "lsq": ("lsq", "plain32", None, {}),
    "lsq 2 bits": ("lsq", "plain32", 2, {}),
    "lsq+": ("lsq+", "plain32", None, {}),
    "ema-qc": ("ema-qc", "plain32", None, {}),
    "minmax": ("minmax", "plain32", 4, {}),
    "dorefa": ("dorefa", "plain32", None, {}),
    "gaussian": ("gaussian", "plain32", None, {}),
    "aqd": ("aqd", "plain32", 4, {}),
    "aqd 2 bits": ("aqd", "plain32", 2, {}),
    "mpq": ("mpq", "plain32", None, {}),
    "mpq all binary": ("mpq", "plain32", None, {"all_binary": True}),
    "mpq yolov5": ("mpq", "yolov5pico", None, {}),
    "lsq+ yolov7": ("lsq+", "yolov7pico", None, {}),
}
SLOW = {
    f"{recipe} {model}{' all binary' if options else ''}": (recipe, model, bits, options)
    for model in ("yolov5pico", "yolov7pico")
    for recipe, bits, options in (
        ("lsq", 3, {}),
        ("lsq+", 4, {}),
        ("ema-qc", 4, {}),
        ("minmax", 4, {}),
        ("dorefa", 4, {}),
        ("gaussian", 4, {}),
        ("aqd", 4, {}),
        ("mpq", 4, {}),
        ("mpq", 4, {"all_binary": True}),
    )
}


def trained(folder, recipe, model, bits=None, **options):
    """The folder of a training of two steps."""
    network = tiny.steps(tiny.detector(recipe, model, bits, **options), seed=1, count=2)
    tiny.settle(network)
    if recipe == "lsq+":
        for name, parameter in network.named_parameters():
            if name.endswith("offset"):
                parameter.data.add_(1.7)  # ReLUs leave it at 0
    if recipe in ("ema-qc", "mpq"):
        for parameter in insert_corrections(network):
            parameter.data += 0.3 * torch.randn(parameter.shape)
        fold_corrections(network)
    settings = Settings(
        data="data.yaml",
        recipe=recipe,
        model=model,
        bits=bits,
        options=tiny.Options(**options),
        height=tiny.HEIGHT,
        width=tiny.WIDTH,
    )
    folder.mkdir()
    (folder / SETTINGS).write_text(settings.to_json())
    save_final(network, folder)
    return folder


@pytest.fixture(
    scope="module",
    params=[*CASES, *(pytest.param(name, marks=pytest.mark.slow) for name in SLOW)],
)
def exported(request, tmp_path_factory):
    """Name of the case, the trained network, and its exported file."""
    folder = tmp_path_factory.mktemp("export")
    recipe, model, bits, options = (CASES | SLOW)[request.param]
    run_folder = trained(folder / "run", recipe, model, bits, **options)
    path, _ = export_run(run_folder, folder / "net" / "network.onnx")
    return request.param, load_final(run_folder)[0], path


@pytest.fixture(scope="module")
def picture():
    return torch.from_numpy(tiny.drawing())


def test_the_file_computes_what_the_model_computes(exported, picture):
    _, model, path = exported
    rows = compare_export(model, path, picture)
    assert {row.name: row.differing for row in rows if row.differing} == {}
    names = model.task.output_names
    assert [row.name for row in rows[-len(names) :]] == list(names)
    assert len(rows) >= len(model.convolutions()) - 1
    assert sum(row.total for row in rows) > 50_000


def test_the_compiled_network_computes_what_the_file_computes(exported, picture):
    _, model, path = exported
    network = read_network(path)
    given = picture.numpy() if model.integer else picture.numpy() / 255
    reference = run_float64(str(path), given[None])
    results = run(network, picture.numpy())
    differing = differing_codes(network, results, reference)
    differing |= differing_sums(network, results, reference)
    assert {name: count for name, count in differing.items() if count} == {}
    assert len(differing) >= len(network.operators) // 2
    # Not because everything is the same everywhere.
    distinct = [len(np.unique(codes)) for name, codes in results.items() if name in differing]
    assert np.mean(np.array(distinct) > 1) > 0.9


def test_weights_have_the_bits_they_were_trained_with(exported):
    case, model, path = exported
    network = read_network(path)
    found = [o.weights for o in network.operators if type(o).__name__ == "Convolution"]
    layers = model.convolutions()
    for layer in layers:
        bits = layer.precision.weights
        limit = 2**bits - 1 if case.startswith(("dorefa", "aqd")) else 2 ** max(bits - 1, 1) - 1
        matching = [w for w in found if w.shape == layer.conv.weight.shape]
        assert any(np.abs(w).max() <= limit for w in matching)


def test_the_side_car_describes_the_results(exported):
    _, model, path = exported
    head, mine = read_description(path.with_suffix(".json")).head, model.task.head
    assert (head.kind, head.classes, head.strides) == (mine.kind, mine.classes, mine.strides)
    assert head.outputs == mine.outputs
    np.testing.assert_array_equal(np.stack(head.anchors), np.stack(mine.anchors))


@pytest.fixture(scope="module")
def lsq(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lsq")
    run_folder = trained(folder / "run", "lsq", "plain32")
    return load_final(run_folder)[0], export_run(run_folder, folder / "lsq.onnx")[0]


def changed(path, out, change) -> str:
    """A copy of the file with one change to its graph."""
    model = onnx.load(str(path))
    change(model.graph)
    onnx.save(model, str(out))
    return out


def test_a_changed_bias_is_noticed(lsq, picture, tmp_path):
    def change(graph):
        bias = next(i for i in graph.initializer if i.name == "model.layer1.bn.bias")
        bias.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(bias) + 0.5, bias.name))

    model, path = lsq
    rows = compare_export(model, changed(path, tmp_path / "a.onnx", change), picture)
    assert [row.differing > 0 for row in rows[:3]] == [False, False, True]  # picture, stem, layer1


def test_another_rounding_is_noticed(lsq, picture, tmp_path):
    def change(graph):
        node = next(n for n in graph.node if n.op_type == "Quant" and "layer1" in n.name)
        for attribute in node.attribute:
            if attribute.name == "rounding_mode":
                attribute.s = b"FLOOR"

    model, path = lsq
    path = changed(path, tmp_path / "a.onnx", change)
    assert any(row.differing for row in compare_export(model, path, picture))


def test_files_of_other_networks_are_noticed(lsq, picture):
    _, path = lsq
    with pytest.raises(TrainingError, match="quantised tensors, the model has .*; export it again"):
        compare_export(tiny.detector("lsq", "yolov5pico"), path, picture)


def test_files_of_other_classes_are_noticed(lsq, picture):
    _, path = lsq
    policy = make_recipe("lsq", None, tiny.Options()).policy
    other = make_model("plain32", tiny.task("plain32", names=("a", "b", "c")), policy)
    with pytest.raises(TrainingError, match=r"has shape \[.*\], in the model it is \[.*\]; export"):
        compare_export(other, path, picture)


def test_integer_networks_are_exact_on_drawn_pictures(tmp_path):
    """Fixed-point factors of the file are those of float64: flat areas show one that is not."""
    height, width = 192, 256
    drawn = [render(seed, 0, RenderConfig(size=width)).pixels[:height] for seed in range(1, 6)]
    pixels = torch.from_numpy(np.stack(drawn)).permute(0, 3, 1, 2).contiguous()
    task = tiny.task("yolov5pico", height=height, width=width)
    torch.manual_seed(1)
    network = make_model("yolov5pico", task, make_recipe("aqd", 4, tiny.Options()).policy)
    with torch.no_grad():
        network.train()(pixels[:4] / 255)
    settle_norms(network, Loaded(pixels=pixels[:4], targets=[torch.zeros(0, 5)] * 4, placements=[]))
    settings = Settings(
        data="data.yaml", recipe="aqd", model="yolov5pico", bits=4, height=height, width=width
    )
    (tmp_path / SETTINGS).write_text(settings.to_json())
    save_final(network, tmp_path)
    path, _ = export_run(tmp_path, tmp_path / "a.onnx")
    rows = compare_export(load_final(tmp_path)[0], path, pixels[4])
    assert sum(row.total for row in rows) > 100_000
    assert [row for row in rows if row.differing] == []


def test_float_networks_are_not_exported(tmp_path):
    folder = trained(tmp_path / "run", "float", "plain32")
    with pytest.raises(TrainingError, match="recipe 'float' quantises nothing to export"):
        export_run(folder, tmp_path / "a.onnx")
    assert not (tmp_path / "a.onnx").exists()


@pytest.mark.parametrize("recipe", ["minmax", "lsq"])
def test_eight_bits_are_exported_and_read_and_small_machines_refuse_them(recipe, tmp_path, picture):
    folder = trained(tmp_path / "run", recipe, "plain32", 8)
    path, _ = export_run(folder, tmp_path / "a.onnx")
    assert not any(r.differing for r in compare_export(load_final(folder)[0], path, picture))
    network = read_network(path)
    assert max(tensor.bits for tensor in network.tensors.values()) == 8
    codes = picture.numpy()
    references = against_onnx(network, path, codes, 1 / 255)
    assert not any(references["float64"].values())
    with pytest.raises(OnefourError, match="8-bit codes.*1 to 4 bits") as caught:
        compile_file(path, ECP5_25F)
    assert "\n" not in str(caught.value)
