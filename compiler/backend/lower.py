"""Lowers an integer network to storages and works: what is stored, and what is computed from what.

Concat and Slice cost nothing: a consumer reads the 16-channel images it needs. Everything else
becomes one kind of work. A tensor that two consumers want padded differently is stored twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from compiler.backend.convolution import (
    PICTURE_CHANNELS,
    common_step,
    lanes_in_use,
    parts,
    weight_bits,
)
from compiler.backend.job import Item, Work
from compiler.backend.packing import pack
from compiler.backend.padding import (
    Demand,
    Padding,
    convolution_size,
    padding_of,
    pool_size,
)
from compiler.backend.storage import IMAGE_CHANNELS, Storage
from compiler.backend.stored_form import WIDEST_CODE, encoding_for
from compiler.errors import UnsupportedError
from golden.network import (
    Convolution,
    MaxPool,
    Network,
    Operator,
    Thresholds,
    Upsample,
    WeightedSum,
)

Source = tuple[Storage, int]
"""A stored channel."""


@dataclass
class Lowered:
    """Storages by name, works in execution order, and what is never stored.

    ``fused``: network tensors whose max-pool is done before they are stored -> the pooled tensor.
    """

    storages: dict[str, Storage] = field(default_factory=dict)
    works: list[Work] = field(default_factory=list)
    fused: dict[str, str] = field(default_factory=dict)


def lower(network: Network, fusable: Callable[[int], bool]) -> Lowered:
    """Lower an integer network; ``fusable(passes)`` says whether pooling fits the pass table.

    Raises :class:`UnsupportedError` for what the machine cannot do.
    """
    return _Lowering(network, fusable).run()


class _Lowering:
    def __init__(self, network: Network, fusable: Callable[[int], bool]):
        self.network = network
        self.fusable = fusable
        self.demand = Demand(network)
        self.result = Lowered()
        self.storages = self.result.storages
        #: Names that no further storage may have: the file may call its tensors anything.
        self.taken = {*network.tensors, *network.raw_shapes}
        #: (tensor, padding) -> name of the storage that has it.
        self.variants: dict[tuple[str, Padding], str] = {}

    def run(self) -> Lowered:
        self.declare(self.network.input)
        self.copy_variants(self.network.input)
        lowerings = {
            Convolution: self.convolution,
            WeightedSum: self.weighted_sum,
            MaxPool: self.max_pool,
            Upsample: self.upsample,
        }
        for operator in self.network.operators:
            if type(operator) in lowerings and operator.output not in self.storages:
                lowerings[type(operator)](operator)
        self.reserve_halos()
        return self.result

    # --- storages ---------------------------------------------------------------------------------

    def paddings(self, name: str) -> list[Padding]:
        """Paddings asked for, the one with the narrowest encoding first."""
        tensor = self.network.tensors[name]
        picture = name == self.network.input
        wanted = self.demand.paddings[name]
        return sorted(wanted, key=lambda p: encoding_for(tensor, p, picture=picture).bits) or [None]

    def fresh(self, name: str) -> str:
        """``name``, made longer until nothing else is called that."""
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return name

    def declare(self, name: str, variant: str = "", padding: Padding = None) -> Storage:
        """Make the storage of a computed tensor (or of a further variant of it)."""
        if name in self.network.raw_shapes:
            channels, height, width = self.network.raw_shapes[name]
            self.storages[name] = Storage(
                name=name, tensor=name, kind="raw", channels=channels, height=height, width=width
            )
            return self.storages[name]
        padding = padding if variant else self.paddings(name)[0]
        variant = variant or name
        tensor = self.network.tensors[name]
        picture = name == self.network.input
        if tensor.bits > WIDEST_CODE and not picture:
            raise UnsupportedError(
                f"{self.operator(name)}: its result {name!r} has {tensor.bits}-bit codes; "
                f"supported: up to {WIDEST_CODE} bits, except for the picture itself, which only "
                f"convolutions and quantisers read; move it behind the first convolution's "
                f"quantiser, or into the preparation of the picture"
            )
        if picture and tensor.channels > PICTURE_CHANNELS:
            raise UnsupportedError(
                f"input {name!r}: {tensor.channels} channels; supported: 1 to {PICTURE_CHANNELS}; "
                f"train the network on pictures of {PICTURE_CHANNELS} channels"
            )
        encoding = encoding_for(tensor, padding, picture=picture)
        self.storages[variant] = Storage(
            name=variant,
            tensor=name,
            kind="picture" if picture else "codes",
            channels=tensor.channels,
            height=tensor.height,
            width=tensor.width,
            **vars(encoding),
        )
        self.variants[name, padding] = variant
        return self.storages[variant]

    def copy_variants(self, name: str) -> None:
        """Copy a tensor for consumers that need it padded in another way."""
        main = self.storages[name]
        if main.kind == "raw":
            return
        for padding in self.paddings(name)[1:]:
            encoding = encoding_for(self.network.tensors[name], padding)
            if all(getattr(main, key) == value for key, value in vars(encoding).items()):
                self.variants[name, padding] = name
                continue
            if main.kind == "picture":
                raise UnsupportedError(
                    f"input {name!r}: its consumers pad it with {self.paddings(name)}; supported: "
                    f"one padding of the picture; pad it alike"
                )
            target = self.declare(name, self.fresh(f"{name}@pad{padding}"), padding)
            sources = [(main, channel) for channel in range(main.channels)]
            self.moved(f"{target.name}/copy", sources, target)

    def operator(self, output: str) -> str:
        """The operator that computes a tensor, as messages name it."""
        maker = self.demand.producer[output]
        return f"{type(maker).__name__} {maker.name!r}"

    def sources(self, name: str, padding: Padding = None) -> list[Source]:
        """Stored channels of a tensor, in the variants that have this padding."""
        return [
            (self.storages[self.variants[tensor, padding] if padding is not None else tensor], k)
            for tensor, k in self.demand.channels(name)
        ]

    def reserve_halos(self) -> None:
        """Give every storage the halo that its consumers look at."""
        for work in self.result.works:
            low_y, high_y, low_x, high_x = work.reach
            rows = work.height - (2 if work.pool2 else 1)
            for name, _ in work.images:
                storage = self.storages[name]
                bottom = rows * work.strides[0] + high_y - (storage.height - 1)
                right = (work.width - 1) * work.strides[1] + high_x - (storage.width - 1)
                storage.top = max(storage.top, -low_y)
                storage.bottom = max(storage.bottom, bottom)
                storage.left = max(storage.left, -low_x, right)

    # --- works ------------------------------------------------------------------------------------

    def fuse(self, operator: Operator, passes: int) -> tuple[str, list[str]]:
        """(tensor to store, operators done): with the 2x2 max-pool behind ``operator``, if it can
        be done while the results leave."""
        users = self.demand.consumers[operator.output]
        if len(users) == 1 and isinstance(users[0], MaxPool):
            pool = users[0]
            plain = pool.kernel == (2, 2) and pool.strides == (2, 2) and not any(pool.pads)
            if plain and self.fusable(passes):
                self.result.fused[operator.output] = pool.output
                return pool.output, [operator.name, pool.name]
        return operator.output, [operator.name]

    def convolution(self, operator: Convolution) -> None:
        check_strides(operator)
        tensor = self.network.tensors[operator.input]
        sources = self.sources(operator.input, padding_of(operator, self.network))
        pieces = parts(operator, sources)
        output, operators = operator.output, [operator.name]
        if operator.thresholds is not None:
            passes = [
                pack(part.items, part.images, self.storages, operator.name).passes
                for part in pieces
            ]
            output, operators = self.fuse(operator, max(map(len, passes)))
        pool2 = len(operators) > 1
        target = self.declare(output)
        thresholds = stored_thresholds(operator.thresholds, target)
        height = convolution_size(operator, tensor.height, 0)
        width = convolution_size(operator, tensor.width, 1)
        products = operator.weights[0].size * height * width
        products *= weight_bits(operator.weights) * tensor.bits
        for part in pieces:
            self.result.works.append(
                Work(
                    name=part_name(operator.name, part.first // IMAGE_CHANNELS, len(pieces)),
                    images=part.images,
                    items=part.items,
                    strides=operator.strides,
                    height=height // 2 * 2 if pool2 else height,
                    width=width // 2 * 2 if pool2 else width,
                    output=target.name,
                    output_image=part.first // IMAGE_CHANNELS,
                    outputs=part.stop - part.first,
                    thresholds=rows_of(thresholds, part.first, part.stop),
                    pool2=pool2,
                    window=part.window,
                    constant=part.constant,
                    step=common_step(sources),
                    bit_operations=(part.stop - part.first) * products,
                    operators=operators,
                )
            )
        self.copy_variants(output)

    def weighted_sum(self, operator: WeightedSum) -> None:
        tensor = self.network.tensors[operator.inputs[0]]
        output, operators = self.fuse(operator, passes=16)
        even = len(operators)  # 2 with the pool
        target = self.declare(output)
        inputs = [
            (self.sources(name), factor)
            for name, factor in zip(operator.inputs, operator.factors, strict=True)
        ]
        self.per_channel(
            operator.name, inputs, target, stored_thresholds(operator.thresholds, target),
            height=tensor.height // even * even, width=tensor.width // even * even,
            pool2=even == 2, operators=operators,
        )  # fmt: skip
        self.copy_variants(output)

    def max_pool(self, operator: MaxPool) -> None:
        check_strides(operator)
        tensor = self.network.tensors[operator.input]
        phases = [
            (y - operator.pads[0], x - operator.pads[1])
            for y in range(operator.kernel[0])
            for x in range(operator.kernel[1])
        ]
        self.moved(
            operator.name,
            self.sources(operator.input, padding_of(operator, self.network)),
            self.declare(operator.output),
            strides=operator.strides,
            height=pool_size(operator, tensor.height, 0),
            width=pool_size(operator, tensor.width, 1),
            phases=phases,
            operators=[operator.name],
        )
        self.copy_variants(operator.output)

    def upsample(self, operator: Upsample) -> None:
        tensor = self.network.tensors[operator.input]
        self.moved(
            operator.name,
            self.sources(operator.input),
            self.declare(operator.output),
            height=tensor.height,
            width=tensor.width,
            scatter=[(y, x) for y in range(2) for x in range(2)],
            enlarge=2,
            operators=[operator.name],
        )
        self.copy_variants(operator.output)

    def moved(self, name: str, sources: list[Source], target: Storage, **fields) -> None:
        """Move stored codes, in the target's encoding."""
        stored = np.arange(1, 1 << target.bits) - target.shift
        codes = -(-stored // target.multiplier)
        # Channels of a Concat may come from storages of different encodings.
        levels = [codes * source.multiplier + source.shift for source, _ in sources]
        thresholds = Thresholds(
            levels=np.where(stored <= 0, -Thresholds.FAR, np.array(levels, np.int64)),
            sign=np.ones(target.channels, np.int8),
        )
        self.per_channel(name, [(sources, 1)], target, thresholds, coded=True, **fields)

    def per_channel(
        self,
        name: str,
        inputs: list[tuple[list[Source], int]],
        target: Storage,
        thresholds: Thresholds,
        *,
        coded: bool = False,
        **fields,
    ) -> None:
        """One work per 16 channels: v = sum of factor * value, or of stored codes if ``coded``."""
        for image in range(target.images):
            first = image * IMAGE_CHANNELS
            stop = min(target.channels, first + IMAGE_CHANNELS)
            matrix: dict[tuple[str, int], np.ndarray] = {}
            constant = np.zeros(stop - first, np.int64)
            for sources, factor in inputs:
                for row, (storage, channel) in enumerate(sources[first:stop]):
                    weights = matrix.setdefault(
                        (storage.name, channel // IMAGE_CHANNELS),
                        np.zeros((stop - first, IMAGE_CHANNELS), np.int64),
                    )
                    step, offset = (1, 0) if coded else (storage.step, storage.offset)
                    weights[row, channel % IMAGE_CHANNELS] += factor * step
                    constant[row] += factor * offset
            items = [
                Item(index, 0, 0, weights, lanes_in_use(self.storages[key[0]], key[1]))
                for index, (key, weights) in enumerate(matrix.items())
            ]
            geometry = {"strides": (1, 1), "height": target.height, "width": target.width}
            if any(self.storages[name].kind == "picture" for name, _ in matrix):
                geometry["window"] = 1
            self.result.works.append(
                Work(
                    name=part_name(name, image, target.images),
                    images=list(matrix),
                    items=items,
                    output=target.name,
                    output_image=image,
                    outputs=stop - first,
                    thresholds=rows_of(thresholds, first, stop),
                    constant=constant,
                    **(geometry | fields),
                )
            )


def check_strides(operator: Convolution | MaxPool) -> None:
    """Rows lie on chip in one piece or as even and odd columns: UnsupportedError for the rest."""
    if any(stride not in (1, 2) for stride in operator.strides):
        raise UnsupportedError(
            f"{type(operator).__name__} {operator.name!r}: strides {operator.strides}; supported: "
            f"1 and 2; use two layers, or a stride of 2"
        )


def part_name(name: str, image: int, count: int) -> str:
    return name if count == 1 else f"{name}[{image}]"


def rows_of(thresholds: Thresholds | None, first: int, stop: int) -> Thresholds | None:
    if thresholds is None:
        return None
    return Thresholds(levels=thresholds.levels[first:stop], sign=thresholds.sign[first:stop])


def stored_thresholds(thresholds: Thresholds | None, storage: Storage) -> Thresholds | None:
    """Thresholds for stored codes: multiplier m repeats each level, shifts are always passed."""
    if thresholds is None or (storage.multiplier, storage.shift) == (1, 0):
        return thresholds
    levels = np.repeat(thresholds.levels, storage.multiplier, axis=1)
    shift = np.full((levels.shape[0], storage.shift), -Thresholds.FAR)
    return Thresholds(levels=np.concatenate([shift, levels], axis=1), sign=thresholds.sign)
