"""The recipes by name; each has a file with its paper, its equations and what is ours in it.

A recipe file has ``recipe(bits, options) -> Recipe`` and ``BITS``, those it knows; the first is
what it takes without ``--bits``. ``PARTS`` are the options that it has, of ``--no-ema``,
``--no-correction``, ``--progressive`` and ``--all-binary``.
"""

from collections.abc import Callable
from dataclasses import fields

from quant.errors import TrainingError
from quant.recipes import (
    aqd,
    dampening,
    dorefa,
    ema_qc,
    float32,
    freezing,
    gaussian,
    lsq,
    lsq_plus,
    minmax,
    mpq,
)
from quant.recipes.recipe import Recipe
from quant.runs.options import Options

RECIPES = {
    "float": float32,
    "minmax": minmax,
    "dorefa": dorefa,
    "lsq": lsq,
    "lsq+": lsq_plus,
    "ema-qc": ema_qc,
    "dampening": dampening,
    "freezing": freezing,
    "aqd": aqd,
    "gaussian": gaussian,
    "mpq": mpq,
}


Maker = Callable[[int, Options], Recipe]


def make_recipe(name: str, bits: int | None, options: Options) -> Recipe:
    """The recipe ``name``; :class:`TrainingError` where there is none or not of so many bits."""
    if name not in RECIPES:
        raise TrainingError(f"no recipe {name!r}; there are {', '.join(RECIPES)}")
    module = RECIPES[name]
    bits = module.BITS[0] if bits is None else bits
    if bits not in module.BITS:
        raise TrainingError(
            f"recipe {name!r} knows {', '.join(map(str, module.BITS))} bits, not {bits}"
        )
    for part in fields(Options):
        if part.name not in module.PARTS and getattr(options, part.name) != part.default:
            raise TrainingError(
                f"recipe {name!r} has no part {part.name!r} to change; it has "
                f"{', '.join(module.PARTS) or 'none'}"
            )
    return module.recipe(bits, options)
