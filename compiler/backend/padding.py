"""What consumers ask of a tensor: channels of which stored tensors, and what surrounds them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from compiler.backend.job import Job
from compiler.backend.storage import Storage
from compiler.errors import UnsupportedError
from golden.network import Concat, Convolution, MaxPool, Network, Operator, Slice

LOWEST = "lowest"
"""Padding that never wins a maximum."""

Padding = int | str | None


def convolution_size(operator: Convolution, size: int, axis: int) -> int:
    """Output height (axis 0) or width (axis 1) for an input of ``size``."""
    span = (operator.weights.shape[2 + axis] - 1) * operator.dilations[axis] + 1
    padded = size + operator.pads[axis] + operator.pads[axis + 2]
    return (padded - span) // operator.strides[axis] + 1


def pool_size(operator: MaxPool, size: int, axis: int) -> int:
    """Output height (axis 0) or width (axis 1) for an input of ``size``."""
    padded = size + operator.pads[axis] + operator.pads[axis + 2]
    return (padded - operator.kernel[axis]) // operator.strides[axis] + 1


def padding_of(operator: Operator, network: Network) -> Padding:
    """What surrounds the operator's input: an integer value, LOWEST, or None (never looked at)."""
    if isinstance(operator, MaxPool):
        return LOWEST if any(operator.pads) else None
    if not isinstance(operator, Convolution):
        return None
    tensor = network.tensors[operator.input]
    for axis, size in ((0, tensor.height), (1, tensor.width)):
        reach = (operator.weights.shape[2 + axis] - 1) * operator.dilations[axis]
        last = (convolution_size(operator, size, axis) - 1) * operator.strides[axis] + reach
        if operator.pads[axis] > 0 or last - operator.pads[axis] > size - 1:
            return operator.pad_value
    return None


def check_strides(operator: Convolution | MaxPool) -> None:
    """Rows lie on chip in one piece or as even and odd columns: UnsupportedError for the rest."""
    if any(stride not in (1, 2) for stride in operator.strides):
        raise UnsupportedError(
            f"{type(operator).__name__} {operator.name!r}: strides {operator.strides}; supported: "
            f"1 and 2; use two layers, or a stride of 2"
        )


class Demand:
    """Resolves Concat and Slice, and collects the paddings that each stored tensor needs."""

    def __init__(self, network: Network):
        self.network = network
        self.producer = {operator.output: operator for operator in network.operators}
        #: Tensor -> operators that read it.
        self.consumers: dict[str, list[Operator]] = defaultdict(list)
        #: Stored tensor -> paddings, without doubles, in order of appearance.
        self.paddings: dict[str, list[Padding]] = defaultdict(list)
        for operator in network.operators:
            padding = padding_of(operator, network)
            for name in operator.inputs:
                self.consumers[name].append(operator)
                if isinstance(operator, (Concat, Slice)) or padding is None:
                    continue
                for source in dict.fromkeys(source for source, _ in self.channels(name)):
                    if padding not in self.paddings[source]:
                        self.paddings[source].append(padding)

    def channels(self, name: str) -> list[tuple[str, int]]:
        """(stored tensor, channel) of every channel of a tensor."""
        operator = self.producer.get(name)
        if isinstance(operator, Concat):
            return [pair for part in operator.inputs for pair in self.channels(part)]
        if isinstance(operator, Slice):
            return self.channels(operator.input)[operator.start : operator.stop]
        return [(name, channel) for channel in range(self.network.shape(name)[0])]


def with_halos(storages: Mapping[str, Storage], jobs: list[Job]) -> dict[str, Storage]:
    """The storages with the halo around each that the jobs look at."""
    halos = dict.fromkeys(storages, (0, 0, 0))
    for job in jobs:
        low_y, _, low_x, high_x = job.reach
        last_row = low_y + job.input_rows(job.height) - 1
        right = (job.width - 1) * job.strides[1] + high_x
        for name, _ in job.span.images:
            storage = storages[name]
            wanted = -low_y, last_row - (storage.height - 1), max(-low_x, right - storage.width + 1)
            halos[name] = tuple(map(max, halos[name], wanted))
    return {
        name: replace(storage, top=halos[name][0], bottom=halos[name][1], left=halos[name][2])
        for name, storage in storages.items()
    }
