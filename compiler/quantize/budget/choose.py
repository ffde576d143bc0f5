"""A mixture within the budget: estimated, compiled, and estimated again where it was wrong."""

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from onnx import ModelProto

from arch.boards import Board
from compiler.errors import CapacityError
from compiler.flow import Compiled, compile_file
from compiler.quantize.budget.goal import Goal
from compiler.quantize.budget.layer_costs import LayerCosts
from compiler.quantize.budget.search import Step, filled, path
from compiler.quantize.budget.sensitivity import Judge, Sensitivities, sensitivities
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.options import Options
from compiler.quantize.pictures import Pictures
from compiler.quantize.points import find_points
from compiler.quantize.quantise import Run, equalise, observe_points
from compiler.quantize.widths import Widths, end_bits, uniform

ROUNDS = 5
"""Mixtures that are compiled, most."""
NEAR = 0.97
"""A program that uses so much of the budget is not looked at again."""
STEP = 0.98
"""By so much less is aimed at after a program that missed it."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A mixture that was made: ``cost`` of its program, ``error`` of its heads."""

    name: str
    widths: Widths
    model: ModelProto
    cost: int
    error: float


@dataclass(frozen=True, eq=False)
class Choice:
    """``tried``: the same bits everywhere, then mixtures; ``chosen`` is one of them.

    ``trade``: (cost, error) along the search, both estimated; none where it was not ``needed``.
    """

    chosen: Tried
    tried: tuple[Tried, ...]
    trade: tuple[tuple[float, float], ...]
    needed: bool


class Chooser:
    """One search."""

    def __init__(
        self,
        network: FloatNetwork,
        pictures: Pictures,
        options: Options,
        target: Board,
        goal: Goal,
        choices: Sequence[int],
    ):
        """``choices``: bits that a layer's weights and a grid's codes may have, at most those of
        ``options``. Judged against the network as it is, before channels are equalised."""
        self.judge = Judge(network, pictures, options)
        self.network = equalise(network, pictures, options) if options.equalise else network
        self.pictures, self.options = pictures, options
        self.target, self.goal = target, goal
        self.most = uniform(self.network, options)
        wide = find_points(self.network, set(self.most.activations))
        self.observed = observe_points(self.network, wide, pictures, options)
        self.choices = sorted(choices)
        self.costs = LayerCosts(self.network, goal.is_bytes)
        self.tried: list[Tried] = []

    def choose(self, limit: float) -> Choice:
        """The network of least error that costs at most ``limit``; CapacityError with the least
        that there is, where that is more."""
        self.try_uniform()
        first = self.tried[0]
        if first.cost <= limit:
            return Choice(first, tuple(self.tried), (), False)
        sensed = sensitivities(
            self.network,
            self.pictures,
            self.options,
            self.judge,
            self.most,
            self.observed,
            self.free_layers(),
            self.choices,
        )
        trade = [(cost, error) for _, cost, error in self.path(sensed)]
        self.try_mixtures(limit, sensed)
        fitting = [each for each in self.tried if each.cost <= limit]
        if not fitting:
            self.refuse(limit)
        chosen = min(fitting, key=lambda each: each.error)
        return Choice(chosen, tuple(self.tried), tuple(trade), True)

    def try_uniform(self) -> None:
        """The most bits everywhere, then fewer: what layers cost is learned from them."""
        options = self.options
        weights = max((b for b in self.choices if b <= 4), default=self.choices[0])
        cases = [
            (options.weights, options.activations),
            (min(weights, options.weights), options.activations),
            (min(weights, options.weights), min(weights, options.activations)),
        ]
        for each in dict.fromkeys(cases):
            own = replace(options, weights=each[0], activations=each[1])
            self.attempt(f"W{each[0]}A{each[1]}", uniform(self.network, own))

    def free_layers(self) -> list[str]:
        """The layers whose weights may have other bits: all but the ends."""
        ends = end_bits(self.network, find_points(self.network, ()), self.options)
        return [name for name in self.most.weights if name not in ends]

    def attempt(self, name: str, widths: Widths) -> Tried:
        """Make a mixture, compile it, and learn what its layers cost."""
        told = f"; {name}" if name.startswith("W") else f", budget {self.goal.text}"
        run = Run(self.network, self.pictures, self.options, widths, self.observed)
        model = run.quantised(told)
        compiled = compiled_model(model, self.target)
        self.costs.add(compiled, widths)
        cost = self.goal.of(compiled)
        self.tried.append(Tried(name, widths, model, cost, self.judge.error(model)))
        return self.tried[-1]

    def path(self, sensed: Sensitivities) -> Iterator[Step]:
        """From the most bits everywhere downwards, by what is known of costs."""
        return path(self.most, sensed, self.costs, self.choices)

    def try_mixtures(self, limit: float, sensed: Sensitivities) -> None:
        """Mixtures near the limit: each corrects the estimate of the next one."""
        made, aim, last = set(), 1.0, self.tried[0]
        for number in range(1, ROUNDS + 1):
            # What the estimate leaves out, as the last program has it.
            scale = last.cost / self.costs.of(last.widths)
            widths = self.mixture(limit * aim / scale, sensed)
            if widths is None:
                break
            if repr(widths) not in made:
                made.add(repr(widths))
                last = self.attempt(f"mixture {number}", widths)
                if limit * NEAR <= last.cost <= limit:
                    return
            elif last.cost <= limit:
                return
            if last.cost > limit:
                aim *= STEP
        if all(each.cost > limit for each in self.tried):
            self.attempt("least", self.least(sensed))

    def mixture(self, limit: float, sensed: Sensitivities) -> Widths | None:
        """The least sensitive of: the first on the way down whose estimate fits, and the programs
        that were compiled and fit, each filled up; None where none does."""
        starts = [widths for widths, cost, _ in self.path(sensed) if cost <= limit][:1]
        starts += [t.widths for t in self.tried if self.costs.of(t.widths) <= limit]
        mixtures = [filled(each, limit, sensed, self.costs, self.choices) for each in starts]
        return min(mixtures, key=sensed.of, default=None)

    def least(self, sensed: Sensitivities) -> Widths:
        """The fewest bits everywhere."""
        widths, bits = self.most, self.choices[0]
        for layer in sensed.weights:
            widths = widths.with_weights(layer, bits)
        for members in sensed.units.values():
            widths = widths.with_activations(members, bits)
        return widths

    def refuse(self, limit: float) -> NoReturn:
        """CapacityError with what was least of all that was tried."""
        least = min(self.tried, key=lambda each: each.cost)
        unit = "bytes" if self.goal.is_bytes else "cycles"
        raise CapacityError(
            f"--budget {self.goal.text}: is at most {limit:.0f} {unit}, and the least that bits of "
            f"{', '.join(map(str, self.choices))} give is {least.cost} ({least.name}); allow fewer "
            "bits (--choices, --first, --last) or a smaller picture (--size), or name a larger "
            "board or a faster clock"
        )


def compiled_model(model: ModelProto, target: Board) -> Compiled:
    """The program of a network that is no file yet."""
    with tempfile.TemporaryDirectory(prefix="onefour-") as folder:
        path = Path(folder) / "network.onnx"
        path.write_bytes(model.SerializeToString())
        return compile_file(path, target.machine, target.memory, line=target.line)
