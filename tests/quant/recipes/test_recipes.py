"""Recipes by name: what can be asked of each, and what a name says."""

import pytest

pytest.importorskip("torch")

from quant.errors import TrainingError
from quant.model.policy import FLOAT
from quant.recipes import RECIPES, Options, make_recipe
from quant.recipes.stages import ALL_AT_ONCE, PROGRESSIVE


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_in_every_width(name):
    bits = RECIPES[name].BITS
    assert make_recipe(name, None, Options()).name == make_recipe(name, bits[0], Options()).name
    recipes = [make_recipe(name, each, Options()) for each in bits]
    assert len({recipe.name for recipe in recipes}) == len(bits)
    for recipe, each in zip(recipes, bits, strict=True):
        policy = recipe.policy
        assert policy.neck.weights == policy.neck.activations == each
        # AQD keeps more bits in its last layer.
        assert policy.head.weights == (4 if name == "aqd" else each)
        assert sum(stage.share for stage in recipe.stages) == pytest.approx(1)
        assert recipe.policy.stem.activations == (FLOAT if name == "float" else 8)


@pytest.mark.parametrize("name", RECIPES)
def test_parts_can_be_left_out(name):
    parts = RECIPES[name].PARTS
    plain = {part: False for part in parts if part != "all_binary"}
    recipe = make_recipe(name, None, Options(**plain))
    assert recipe.ema is None
    assert recipe.correction == 0
    assert recipe.stages == ALL_AT_ONCE
    whole = make_recipe(name, None, Options())
    assert (whole.ema is not None) == ("ema" in parts)
    assert (whole.correction > 0) == ("correction" in parts)


@pytest.mark.parametrize("name", RECIPES)
def test_parts_that_a_recipe_has_not_are_refused(name):
    for part, changed in (("ema", False), ("correction", False), ("progressive", True),
                          ("all_binary", True)):  # fmt: skip
        if part not in RECIPES[name].PARTS:
            with pytest.raises(TrainingError, match=f"recipe '.*' has no part '{part}' to change"):
                make_recipe(name, None, Options(**{part: changed}))


def test_the_oscillation_paper():
    names = {
        make_recipe("ema-qc", 4, Options(ema=ema, correction=qc)).name
        for ema in (False, True)
        for qc in (False, True)
    }
    assert names == {"lsq W4A4", "lsq W4A4 ema", "lsq W4A4 qc", "lsq W4A4 ema qc"}
    recipe = make_recipe("ema-qc", 4, Options())
    assert recipe.ema is not None
    assert recipe.correction > 0


def test_one_bit_backbone_and_four_bit_head():
    recipe = make_recipe("mpq", None, Options())
    policy = recipe.policy
    assert (str(policy.backbone), str(policy.neck), str(policy.head)) == ("W1A1", "W4A4", "W4A4")
    assert recipe.stages == ALL_AT_ONCE
    assert make_recipe("mpq", None, Options(progressive=True)).stages == PROGRESSIVE
    assert recipe.weight_decay == 0
    policy = make_recipe("mpq", None, Options(all_binary=True)).policy
    assert (str(policy.backbone), str(policy.neck), str(policy.head)) == ("W1A1", "W1A1", "W4A4")


def test_what_there_is_not():
    with pytest.raises(TrainingError, match="no recipe 'qat'; there are float, minmax"):
        make_recipe("qat", None, Options())
    with pytest.raises(TrainingError, match="recipe 'mpq' knows 4, 2, 3 bits, not 8"):
        make_recipe("mpq", 8, Options())
