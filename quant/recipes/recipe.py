"""What a recipe is: the bits, the quantisers and the methods of one training."""

from dataclasses import dataclass, field

from quant.model.policy import Policy
from quant.recipes.stages import ALL_AT_ONCE, Stage


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to train. ``policy`` decides every layer's bits; the rest is how they are learnt.

    ``ema``: decay of the average of weights and scales, None: the latest are taken.
    ``correction``: steps of quantisation correction at the end (in whole epochs, at least one), 0:
    none. ``dampening``: final weight of the dampening loss. ``freezing``: final frequency above
    which oscillating weights are frozen, None: never. ``settle``: re-estimate normalisations at
    the end, for weights that flipped until then. ``rate``: peak learning rate, of AdamW; steps
    learn at ``step_rate``.
    """

    name: str
    policy: Policy = field(default_factory=Policy)
    stages: tuple[Stage, ...] = ALL_AT_ONCE
    ema: float | None = None
    correction: int = 0
    dampening: float = 0.0
    freezing: float | None = None
    settle: bool = False
    rate: float = 2e-3
    step_rate: float = 1e-4
    weight_decay: float = 1e-4
    correction_rate: float = 1e-3
