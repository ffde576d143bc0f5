"""EMA and QC against oscillations (Gupta & Asthana, "Reducing the Side-Effects of Oscillations in
Training of Quantized YOLO Networks", WACV 2024).

LSQ; averages of latent weights and of both families of steps (section 3.2,
``quant.training.ema``); then quantisation correction (section 3.3, ``quant.training.correction``),
which folds into the normalisations. Ours: a shorter memory of the average and a higher rate of the
correction, because small data sets have hundreds of steps where COCO has hundreds of thousands.
"""

from dataclasses import replace

from quant.recipes import lsq
from quant.recipes.recipe import Recipe

BITS = (4, 3, 2, 8)
PARTS = ("ema", "correction")


def recipe(bits: int, options: object) -> Recipe:
    """LSQ, averaged, corrected; each of the two can be left out."""
    parts = [f"lsq W{bits}A{bits}"]
    parts += ["ema"] * options.ema + ["qc"] * options.correction
    return replace(
        lsq.recipe(bits, options),
        name=" ".join(parts),
        ema=0.998 if options.ema else None,
        correction=130 if options.correction else 0,
    )
