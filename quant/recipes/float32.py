"""Nothing is quantised: the network that the others start from and are compared with."""

from quant.recipes.recipe import Recipe

BITS = (32,)
PARTS = ("ema",)


def recipe(_bits: int, options: object) -> Recipe:
    """Float weights and activations, with an average of the weights as is usual for YOLO."""
    return Recipe(name="float", ema=0.998 if options.ema else None, rate=4e-3)
