"""Progressive network quantisation (PNQ): quantisers are switched on stage by stage.

MPQ-YOLO (Liu et al., Neurocomputing 574, 2024, 127210) joins a 1-bit backbone and a 4-bit head by
such a schedule; its stages were not at hand. Ours, after the two-step training of ReActNet (Liu et
al., ECCV 2020, section 4.4): activations of the backbone, then its weights, then the head's
weights, then its activations, then everything together.
"""

from dataclasses import dataclass

from torch import nn

from quant.model.features import Taps
from quant.model.layers import QuantisedConvolution
from quant.quantisers.base import Quantiser

#: What can be switched on: tensors of 1 bit, and those of more.
BINARY_ACTIVATIONS, BINARY_WEIGHTS = "1-bit activations", "1-bit weights"
OTHER_WEIGHTS, OTHER_ACTIVATIONS = "n-bit weights", "n-bit activations"
EVERYTHING = frozenset({BINARY_ACTIVATIONS, BINARY_WEIGHTS, OTHER_WEIGHTS, OTHER_ACTIVATIONS})


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A part of the training: its share of the epochs, and what is quantised in it."""

    share: float
    quantised: frozenset[str] = EVERYTHING


ALL_AT_ONCE = (Stage(share=1.0),)
PROGRESSIVE = (
    Stage(share=0.15, quantised=frozenset({BINARY_ACTIVATIONS})),
    Stage(share=0.25, quantised=frozenset({BINARY_ACTIVATIONS, BINARY_WEIGHTS})),
    Stage(share=0.10, quantised=frozenset({BINARY_ACTIVATIONS, BINARY_WEIGHTS, OTHER_WEIGHTS})),
    Stage(share=0.50),
)


def stage_at(stages: tuple[Stage, ...], progress: float) -> Stage:
    """The stage at ``progress`` 0 to 1 of the training."""
    end = 0.0
    for stage in stages:
        end += stage.share
        if progress < end - 1e-9:
            return stage
    return stages[-1]


def switch(model: nn.Module, quantised: frozenset[str]) -> None:
    """Quantise what is named, and let everything else pass unchanged."""
    for module in model.modules():
        if isinstance(module, QuantisedConvolution) and isinstance(module.weight_quant, Quantiser):
            quantiser = module.weight_quant
            kind = BINARY_WEIGHTS if quantiser.bits == 1 else OTHER_WEIGHTS
            quantiser.enabled = kind in quantised
        elif isinstance(module, Taps):
            for tap in module.values():
                kind = BINARY_ACTIVATIONS if tap.bits == 1 else OTHER_ACTIVATIONS
                tap.enabled = kind in quantised
