"""MPQ-YOLO: 1-bit backbone, 4-bit neck and head (Liu et al., Neurocomputing 574, 2024, 127210).

Known from its abstract: only 1-bit convolutions in the backbone, 4-bit weights and activations with
trainable scales in the head, and progressive network quantisation (PNQ) that joins the two. A
reconstruction in everything else, after ReActNet and Bi-Real Net: learned shifts before the sign,
RPReLU behind, standardised weights before their sign (``quant.quantisers.binary``), shortcuts that
carry 4-bit codes around the 1-bit layers, and the stages of ``quant.recipes.stages``, which
``--progressive`` asks for: everything at once was better where both were measured. The stem reads
pixels and has 4-bit weights. Averages and normalisations re-estimated at the end, because signs
flip until then. No quantisation correction: it took 1.4 to 3.1 points from all of four networks, on
the validation pictures of blood cells.

``--all-binary`` makes the neck 1-bit too, all but the detection layers: the bottom end of the
comparison.
"""

from quant.model.policy import Policy, Precision
from quant.recipes.lsq import activation, weight
from quant.recipes.recipe import Recipe
from quant.recipes.stages import ALL_AT_ONCE, PROGRESSIVE

BITS = (4, 2, 3)
PARTS = ("ema", "progressive", "all_binary")
BINARY = Precision(weights=1, activations=1)


def recipe(bits: int, options: object) -> Recipe:
    """``bits`` are those of neck and head."""
    head = BINARY if options.all_binary else Precision(weights=bits, activations=bits)
    name = "mpq all 1b" if options.all_binary else f"mpq 1b/{bits}b"
    return Recipe(
        name=name + " pnq" * options.progressive,
        policy=Policy(
            weight=weight,
            activation=activation,
            stem=Precision(weights=4, activations=8),
            backbone=BINARY,
            neck=head,
            # Logits of 1-bit sums have few levels: the last layer keeps its bits.
            head=Precision(weights=bits, activations=bits),
            shortcut=bits,
        ),
        stages=PROGRESSIVE if options.progressive else ALL_AT_ONCE,
        ema=0.998 if options.ema else None,
        settle=True,
        weight_decay=0.0,
    )
