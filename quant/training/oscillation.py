"""How often weights change their code, and what stops them (Nagel et al., ICML 2022).

A weight whose best value lies between two codes keeps jumping from one to the other. ``flips`` is
the share of weights whose code differs from the step before; a weight *oscillates* when it flips
back in the direction it came from, and its frequency is a running average of that (equation 8
there).
"""

import torch
from torch import Tensor, nn

from quant.model.layers import QuantisedConvolution
from quant.quantisers.base import Quantiser

#: Share of a new step in the frequencies and in the averages of codes.
MOMENTUM = 0.01


def quantised_weights(model: nn.Module) -> dict[str, QuantisedConvolution]:
    """The layers of ``model`` whose weights have codes now, by name."""
    return {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, QuantisedConvolution)
        and isinstance(module.weight_quant, Quantiser)
        and module.weight_quant.enabled
        and module.weight_quant.started | (module.weight_quant.bits == 1)
    }


class Oscillations:
    """Follows the codes of all quantised weights of a model, step by step.

    ``state`` holds per layer: codes, direction of the last flip, frequency, and average code. With
    ``freeze_above`` weights that oscillate more often stay at their average code for good
    (iterative freezing, section 4.3).
    """

    def __init__(self, model: nn.Module):
        self.model = model
        self.state: dict[str, dict[str, Tensor]] = {}

    @torch.no_grad()
    def update(self, freeze_above: float | None = None) -> float:
        """Look at the codes after a step; return the share of weights that flipped."""
        flips, total = [], 0
        for name, layer in quantised_weights(self.model).items():
            codes = layer.weight_quant.codes(layer.conv.weight)
            known = self.state.get(name)
            if known is None:
                self.state[name] = {
                    "codes": codes,
                    "direction": torch.zeros_like(codes),
                    "frequency": torch.zeros_like(codes),
                    "average": codes.clone(),
                    "frozen": torch.zeros_like(codes, dtype=torch.bool),
                }
                continue
            if known["frozen"].any():
                self._hold(layer, known)
                codes = torch.where(known["frozen"], known["codes"], codes)
            direction = (codes - known["codes"]).sign()
            moved = direction != 0
            back = moved & (direction == -known["direction"])
            known["frequency"].lerp_(back.to(codes.dtype), MOMENTUM)
            known["average"].lerp_(codes, MOMENTUM)
            known["direction"] = torch.where(moved, direction, known["direction"])
            known["codes"] = codes
            flips.append(moved.sum())
            total += codes.numel()
            if freeze_above is not None:
                new = (known["frequency"] > freeze_above) & ~known["frozen"]
                known["frozen"] |= new
                known["codes"] = torch.where(new, known["average"].round(), known["codes"])
                if new.any():
                    self._hold(layer, known)
        # Read once: a device waits for every number that is read from it.
        return int(torch.stack(flips).sum()) / total if total else 0.0

    @staticmethod
    def _hold(layer: QuantisedConvolution, known: dict[str, Tensor]) -> None:
        """Put frozen weights back to the middle of their code."""
        weight = layer.conv.weight
        held = known["codes"] * layer.weight_quant.scale()
        weight.copy_(torch.where(known["frozen"], held, weight))

    def oscillating(self, limit: float = 0.005) -> float:
        """Share of weights that oscillate more often than ``limit`` (0.005: section 3 there)."""
        counts = [(s["frequency"] > limit).float() for s in self.state.values()]
        return float(torch.cat([c.flatten() for c in counts]).mean()) if counts else 0.0


def dampening(model: nn.Module) -> Tensor:
    """Sum over the weights of (w^ - clip(w))^2, w^ without gradient (section 4.2 there).

    Pulls each weight to the middle of its code, away from the thresholds between codes.
    """
    total = torch.zeros(())
    for layer in quantised_weights(model).values():
        quantiser, weight = layer.weight_quant, layer.conv.weight
        if quantiser.bits == 1:
            continue  # a sign has no middle
        scale = quantiser.scale().detach()
        target = (quantiser.codes(weight) - quantiser.zero()).detach() * scale
        clipped = torch.maximum(
            torch.minimum(weight, quantiser.high * scale), quantiser.low * scale
        )
        total = total.to(weight.device) + (target - clipped).square().sum()
    return total
