"""What each layer costs in how many bits: an estimate, from programs of the same bits everywhere.

The array does a layer's products bit-plane by bit-plane, so that cycles go with the product of the
bits of weights and activations; bytes go with the bits of weights, and of results. What a program
has beside them does not: a layer's costs in the programs that were compiled are therefore joined by
straight lines over those numbers of bits.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from compiler.flow import Compiled
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.points import find_points, layers
from compiler.quantize.widths import Widths

PICTURE_BITS = 8


@dataclass(frozen=True)
class Item:
    """What costs together: ``layer`` are weights (empty: none), ``point`` what is read (empty: the
    picture, or not known)."""

    layer: str
    point: str

    def planes(self, widths: Widths) -> int:
        """Bits of weights times bits of activations."""
        weights = widths.weights[self.layer] if self.layer else 1
        return weights * (widths.activations[self.point] if self.point else PICTURE_BITS)


@dataclass(eq=False)
class LayerCosts:
    """``seen``: for each item (planes, cost) in the programs that were compiled."""

    network: FloatNetwork
    is_bytes: bool
    seen: dict[Item, list[tuple[int, float]]] = field(default_factory=dict)
    _lines: dict[Item, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    _known: dict[tuple[Item, int], float] = field(default_factory=dict)
    _named: dict[str, list[Item]] = field(default_factory=dict)

    def add(self, compiled: Compiled, widths: Widths) -> None:
        """One more program, and the bits of its layers."""
        self.learn(self._costs(compiled), widths)

    def learn(self, costs: dict[Item, float], widths: Widths) -> None:
        """What each item costs with these bits."""
        self._lines.clear()
        self._known.clear()
        for item, cost in costs.items():
            if item not in self.seen:
                self.seen[item] = []
                for name in {item.layer, item.point} - {""}:
                    self._named.setdefault(name, []).append(item)
            self.seen[item].append((item.planes(widths), cost))

    def of(self, widths: Widths) -> float:
        """The estimate of a mixture."""
        return sum(self._cost(item, item.planes(widths)) for item in self.seen)

    def difference(self, before: Widths, after: Widths, names: Iterable[str]) -> float:
        """How much more ``after`` costs, which has other bits for the layer or the points named."""
        items = dict.fromkeys(item for name in names for item in self._named.get(name, ()))
        return sum(
            self._cost(item, item.planes(after)) - self._cost(item, item.planes(before))
            for item in items
        )

    def _cost(self, item: Item, planes: int) -> float:
        if (item, planes) not in self._known:
            self._known[item, planes] = self._on_line(item, planes)
        return self._known[item, planes]

    def _on_line(self, item: Item, planes: int) -> float:
        if item not in self._lines:
            means: dict[int, list[float]] = {}
            for at, cost in self.seen[item]:
                means.setdefault(at, []).append(cost)
            xs = np.array(sorted(means), float)
            self._lines[item] = xs, np.array([np.mean(means[int(x)]) for x in xs])
        xs, ys = self._lines[item]
        if planes >= xs[0] or len(xs) == 1:
            return float(np.interp(planes, xs, ys))
        slope = (ys[1] - ys[0]) / (xs[1] - xs[0])
        return max(float(ys[0] + (planes - xs[0]) * slope), 0.0)

    def _costs(self, compiled: Compiled) -> dict[Item, float]:
        nodes = {}
        for node in layers(self.network):
            nodes[node.output[0]] = nodes[node.name or node.output[0]] = node
        points, found = find_points(self.network, ()), {}

        def point(storage: str) -> str:
            source = points.source.get(storage.removesuffix("_dequantized"), "")
            return "" if source == self.network.input else source

        for placed, costs in zip(compiled.plan.jobs, self._parts(compiled), strict=True):
            node = next((nodes[n] for n in placed.job.operators if n in nodes), None)
            layer = "" if node is None else node.output[0]
            read = placed.job.span.images[0][0] if node is None else node.input[0]
            items = Item(layer, point(read)), Item(layer, ""), Item("", point(placed.job.output))
            for item, cost in zip(items, costs, strict=True):
                found[item] = found.get(item, 0.0) + cost
        return found

    def _parts(self, compiled: Compiled) -> list[tuple[int, int, int]]:
        """Of each job what goes with both of its bits, with those of its weights alone, and with
        those of its results."""
        if self.is_bytes:
            return job_bytes(compiled)
        return [(cycles, 0, 0) for cycles in job_cycles(compiled)]


def job_cycles(compiled: Compiled) -> list[int]:
    """Cycles of each job: those since the pass before its first one."""
    ends = [compute.last_pass for compute in compiled.prediction.computes]
    shares = [end - before for end, before in zip(ends, [-1, *ends], strict=False)]
    return [sum(shares[number] for number in numbers) for numbers in compiled.computes]


def job_bytes(compiled: Compiled) -> list[tuple[int, int, int]]:
    """Bytes of each job's pass table, of its weights, and of its thresholds and code table.

    Jobs may share them: they count for the first.
    """
    sizes = {address: len(content) for address, content in compiled.plan.sections}
    return [
        tuple(
            sum(sizes.pop(address, 0) for address in dict.fromkeys(addresses))
            for addresses in (
                (placed.table_address,),
                placed.weight_addresses,
                (*placed.threshold_addresses, placed.codes_address),
            )
        )
        for placed in compiled.plan.jobs
    ]
