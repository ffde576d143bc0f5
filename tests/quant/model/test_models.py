"""The families: shapes, published sizes, names of weights."""

import math
from dataclasses import replace

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from quant.errors import TrainingError
from quant.model.detector import OBJECTS_PER_PICTURE, STRIDES, Task
from quant.model.layers import PixelQuant
from quant.model.models import MODELS, make_model
from quant.model.policy import Policy
from quant.recipes import RECIPES, Options, make_recipe
from quant.scoring.accounting import compression, layer_costs
from tests.quant import tiny

COCO = tuple(f"class {n}" for n in range(80))
ANCHORS = (((10.0, 13.0), (16.0, 30.0), (33.0, 23.0)),) * 3


def coco(name: str):
    task = Task(names=COCO, height=64, width=64, anchors=ANCHORS)
    return make_model(name, task, Policy())


@pytest.mark.parametrize("name", MODELS)
def test_maps_have_the_shapes_of_their_strides(name):
    model = make_model(name, tiny.task(name, names=("a", "b", "c")), Policy())
    with torch.no_grad():
        maps = model(torch.rand(2, 3, 64, 96))
    assert [m.shape for m in maps] == [(2, 2 * 8, 64 // s, 96 // s) for s in model.strides]


@pytest.mark.parametrize(
    ("name", "recipe"),
    [
        *(("plain32", recipe) for recipe in RECIPES),
        *((name, recipe) for name in ("yolov5pico", "yolov7pico") for recipe in ("aqd", "mpq")),
    ],
)
def test_every_recipe_and_every_family_learns(name, recipe, seed):
    model = tiny.detector(recipe, name)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    tiny.steps(model, seed, count=1)
    stuck = [
        key
        for key, parameter in model.named_parameters()
        if torch.equal(parameter, before[key]) and ".conv.weight" in key
    ]
    assert not stuck
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_all_binary(seed):
    model = tiny.detector("mpq", "yolov5pico", all_binary=True)
    widths = {(c.precision.weights, c.precision.activations) for c in model.convolutions()}
    assert widths == {(4, 8), (1, 1), (4, 4)}
    tiny.steps(model, seed, count=1)


#: Parameters that YOLOv5 prints for 80 classes, while it trains and with normalisations folded.
@pytest.mark.parametrize(
    ("name", "training", "folded"),
    [("yolov5n", 1_872_157, 1_867_405), ("yolov5s", 7_235_389, 7_225_885)],
)
def test_the_size_of_yolov5(name, training, folded):
    model = coco(name)
    parameters = sum(p.numel() for p in model.parameters())
    assert parameters == training
    # A folded normalisation is one bias for each channel, where it was a gain and a bias.
    channels = sum(m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))
    assert parameters - channels == folded


def test_the_size_of_yolov7_tiny():
    """6.2 million; the release has 6 219 709 with its pyramid's extra channels."""
    parameters = sum(p.numel() for p in coco("yolov7tiny").parameters())
    assert parameters == pytest.approx(6.22e6, rel=0.05)


@pytest.mark.parametrize(("name", "weights", "gigamacs"), [("yolov5n", 1.862e6, 2.23),
                                                           ("yolov5s", 7.216e6, 8.22)])  # fmt: skip
def test_weights_and_multiplications_of_yolov5(name, weights, gigamacs):
    """The published 4.5 and 16.5 GFLOPs at 640 are two operations for each multiplication."""
    total = compression(layer_costs(coco(name)))
    assert total.parameters == pytest.approx(weights, rel=1e-3)
    macs = sum(c.macs for c in layer_costs(coco(name)))
    assert macs * 100 == pytest.approx(gigamacs * 1e9, rel=3e-3)


def test_layers_have_the_names_of_yolov5():
    names = set(coco("yolov5n").state_dict())
    for name in (
        "model.0.conv.weight",
        "model.2.cv1.bn.running_mean",
        "model.4.m.1.cv2.conv.weight",
        "model.9.cv2.bn.weight",
        "model.17.m.0.cv1.conv.weight",
        "model.24.m.2.conv.bias",
    ):
        assert name in names
    assert len([n for n in names if n.endswith("conv.weight")]) == 60


def test_objectness_starts_at_the_share_of_cells_with_objects():
    model = coco("yolov5n")
    for layer, stride in zip(model.model["24"].m, STRIDES, strict=True):
        bias = layer.conv.bias.detach().view(3, 85)
        cells = 64 * 64 / stride**2
        assert bias[:, 4].tolist() == pytest.approx([math.log(OBJECTS_PER_PICTURE / cells)] * 3)
        assert bias[0, 5:].sigmoid().tolist() == pytest.approx([1 / 80] * 80)
        assert not bias[:, :4].any()


def test_the_stem_reads_bytes(seed):
    model = tiny.detector("lsq")
    pixels = next(m for m in model.modules() if isinstance(m, PixelQuant)).eval()
    x = torch.arange(256) / 255
    torch.testing.assert_close(pixels(x), x)
    assert float(pixels(torch.tensor(0.4999 / 255))) == 0


def test_equal_seeds_make_equal_networks():
    a, b = tiny.detector("lsq"), tiny.detector("lsq")
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    recipe = make_recipe("lsq", None, Options())
    assert not torch.equal(
        make_model("plain32", tiny.task("plain32"), recipe.policy).model["stem"].conv.weight,
        a.model["stem"].conv.weight,
    )


@pytest.mark.parametrize(
    ("name", "size", "text"),
    [
        ("yolov4", (64, 64), "no model 'yolov4'; there are yolov5pico, "),
        ("yolov5n", (64, 50), "input of 50 x 64 pixels: both sides must be multiples of 32 for"),
    ],
)
def test_what_there_is_not(name, size, text):
    with pytest.raises(TrainingError, match=text):
        make_model(name, replace(tiny.task("yolov5n"), height=size[0], width=size[1]), Policy())
