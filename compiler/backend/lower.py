"""Lowers an integer network to storages and jobs: what is stored, and what is computed from what.

Concat and Slice cost nothing: a consumer reads the 16-channel images it needs. Everything else
becomes one kind of job. A tensor that two consumers want padded differently is stored twice.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from arch.formats import CODE_BITS, PICTURE_CHANNELS
from arch.machine import Machine
from compiler.backend.job import ChannelSpan, Job, Offset, WideCodes
from compiler.backend.packing import narrowest_grid, pack_span
from compiler.backend.padding import (
    Demand,
    Padding,
    check_strides,
    convolution_size,
    padding_of,
    pool_size,
    with_halos,
)
from compiler.backend.pass_table import PassTable
from compiler.backend.pictures.stored import on_form, picture_fields
from compiler.backend.requantising.wide_codes import (
    identity,
    is_wide,
    looked_up,
    needs_split,
    summed,
    wide_convolution,
)
from compiler.backend.requantising.wide_codes import rows_of as wide_rows_of
from compiler.backend.spans import (
    Source,
    channelwise_spans,
    common_step,
    convolution_spans,
    over_window,
    rows_of,
    span_of_turns,
)
from compiler.backend.storage import WORD_CHANNELS, Storage
from compiler.backend.stored_form import moving_thresholds, stored_form, stored_thresholds
from compiler.errors import UnsupportedError
from golden.execute import parts
from golden.network import (
    Convolution,
    HostMap,
    HostPiece,
    Interleave,
    Lookup,
    MaxPool,
    Network,
    Operator,
    TableSum,
    Thresholds,
    Upsample,
    WeightedSum,
)


@dataclass(frozen=True)
class Lowered:
    """Storages by name, jobs in execution order, and what is never stored.

    ``fused``: network tensors whose max-pool is done before they are stored -> the pooled tensor.
    ``read``: for each tensor that the host reads in mid-network, the stored tensor and the channel
    that each of its channels is.
    """

    storages: Mapping[str, Storage]
    jobs: tuple[Job, ...]
    fused: Mapping[str, str]
    read: Mapping[str, list[tuple[str, int]]] = field(default_factory=dict)


def lower(
    network: Network, machine: Machine, *, pairs: bool = False, blocks: bool = True
) -> Lowered:
    """Lower an integer network; the machine's pass table decides which max-pools are fused.

    ``pairs``: its picture is stored as pairs of rows, if its readers can take that; ``blocks``: it
    may be stored in blocks. Raises :class:`UnsupportedError` for what no machine can do.
    """
    return _Lowering(network, machine, pairs=pairs, blocks=blocks).run()


class _Lowering:
    def __init__(self, network: Network, machine: Machine, **forms: bool):
        self.network = network
        self.machine = machine
        self.demand = Demand(network)
        #: Those that the picture may be stored in.
        self.forms = forms
        self.storages: dict[str, Storage] = {}
        self.jobs: list[Job] = []
        self.fused: dict[str, str] = {}
        #: Names that no further storage may have: the file may call its tensors anything.
        self.taken = {*network.tensors, *network.raw_shapes}
        #: (tensor, padding) -> name of the storage that has it.
        self.variants: dict[tuple[str, Padding], str] = {}
        #: The host's pieces up to here.
        self.pieces: list[HostPiece] = []

    def run(self) -> Lowered:
        self.declare(self.network.input)
        self.copy_variants(self.network.input)
        lowerings = {
            Convolution: self.convolution,
            WeightedSum: self.weighted_sum,
            TableSum: self.table_sum,
            Lookup: self.lookup,
            MaxPool: self.max_pool,
            Upsample: self.upsample,
            Interleave: self.interleave,
            HostMap: self.host_map,
        }
        for operator in self.network.operators:
            if type(operator) in lowerings and operator.output not in self.storages:
                split = isinstance(operator, Convolution) and needs_split(operator)
                for part in parts(operator) if split else (operator,):
                    lowerings[type(part)](part)
        storages = with_halos(self.storages, self.jobs)
        tensors = dict.fromkeys(each.tensor for piece in self.pieces for each in piece.reads)
        read = {name: self.demand.channels(name) for name in tensors}
        return Lowered(storages, tuple(self.jobs), self.fused, read)

    # --- storages ---------------------------------------------------------------------------------

    def paddings(self, name: str) -> list[Padding]:
        """Paddings asked for, the one with the narrowest stored form first."""
        tensor = self.network.tensors[name]
        picture = name == self.network.input
        wanted = self.demand.paddings[name]

        def form(padding: Padding):
            return stored_form(tensor, padding, picture=picture)

        ordered = sorted(wanted, key=lambda p: form(p).bits) or [None]
        maker = self.demand.producer.get(name)
        if maker is not None and is_wide(maker) and form(ordered[0]).multiplier > 1:
            ordered.insert(0, None)  # what makes wide codes makes them as they are
        return ordered

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
        if tensor.bits > CODE_BITS and not picture and not self.machine.wide_rows:
            raise UnsupportedError(
                f"{self.operator(name)}: its result {name!r} has {tensor.bits}-bit codes; "
                f"supported: up to {CODE_BITS} bits, except for the picture itself, which only "
                f"convolutions and quantisers read; move it behind the first convolution's "
                f"quantiser, or into the preparation of the picture"
            )
        if picture and tensor.channels > PICTURE_CHANNELS:
            raise UnsupportedError(
                f"input {name!r}: {tensor.channels} channels; supported: 1 to {PICTURE_CHANNELS}; "
                f"train the network on pictures of {PICTURE_CHANNELS} channels"
            )
        fields = {"kind": "codes", "channels": tensor.channels}
        fields |= {"height": tensor.height, "width": tensor.width}
        if picture:
            readers = self.demand.consumers[name]
            fields |= picture_fields(tensor, readers, self.machine, **self.forms)
        fields |= vars(stored_form(tensor, padding, picture=picture))
        self.storages[variant] = Storage(name=variant, tensor=name, **fields)
        self.variants[name, padding] = variant
        return self.storages[variant]

    def copy_variants(self, name: str) -> None:
        """Copy a tensor for consumers that need it padded in another way."""
        main = self.storages[name]
        if main.kind == "raw":
            return
        for padding in self.paddings(name)[1:]:
            form = stored_form(self.network.tensors[name], padding)
            if all(getattr(main, key) == value for key, value in vars(form).items()):
                self.variants[name, padding] = name
                continue
            if main.is_picture:
                raise UnsupportedError(
                    f"input {name!r}: its consumers pad it with {self.paddings(name)}; supported: "
                    f"one padding of the picture; pad it alike"
                )
            target = self.declare(name, self.fresh(f"{name}@pad{padding}"), padding)
            sources = [(main, channel) for channel in range(main.channels)]
            self.move(f"{target.name}/copy", sources, target)

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

    # --- jobs -------------------------------------------------------------------------------------

    def pool_fused(self, operator: Operator, spans: list[ChannelSpan]) -> MaxPool | None:
        """The 2x2 max-pool behind ``operator`` that is done while its results leave, if any.

        It must be the only reader, and a block's passes, taken for two rows, must fit the table.
        Wide codes leave too slowly to be paired on the way.
        """
        if is_wide(operator):
            return None
        users = self.demand.consumers[operator.output]
        if len(users) != 1 or not isinstance(users[0], MaxPool):
            return None
        pool = users[0]
        if (pool.kernel, pool.strides) != ((2, 2), (2, 2)) or any(pool.pads):
            return None
        for span in spans:
            _, _, packing = pack_span(
                span, self.storages, self.machine, captures=2, layer=operator.name
            )
            if not PassTable(packing.passes, captures=((0, 0), (1, 0))).fits(self.machine):
                return None
        self.fused[operator.output] = pool.output
        return pool

    def convolution(self, operator: Convolution) -> None:
        check_strides(operator)
        tensor = self.network.tensors[operator.input]
        sources = self.sources(operator.input, padding_of(operator, self.network))
        height, width = (
            convolution_size(operator, size, axis)
            for axis, size in enumerate((tensor.height, tensor.width))
        )
        weight_bits = narrowest_grid(operator.weights).bits
        products = operator.weights[0].size * height * width * weight_bits * tensor.bits
        stored = sources[0][0]
        if stored.block > 1 or stored.pairs:
            operator = on_form(operator, stored)
            sources = [(stored, channel) for channel in range(stored.channels)]
        self.quantised(
            operator,
            convolution_spans(operator, sources),
            (height, width),
            strides=operator.strides,
            step=common_step(sources),
            bit_operations=products,
        )

    def weighted_sum(self, operator: WeightedSum) -> None:
        tensor = self.network.tensors[operator.inputs[0]]
        inputs = [
            (self.sources(name), factor)
            for name, factor in zip(operator.inputs, operator.factors, strict=True)
        ]
        self.quantised(operator, channelwise_spans(inputs), (tensor.height, tensor.width))

    def quantised(
        self,
        operator: Convolution | WeightedSum,
        spans: list[ChannelSpan],
        size: tuple[int, int],
        **fields,
    ) -> None:
        """Jobs of an operator with thresholds (or none: raw sums), its max-pool included."""
        pool = None if operator.thresholds is None else self.pool_fused(operator, spans)
        pooling = 1 if pool is None else 2
        done = [operator] if pool is None else [operator, pool]
        target = self.declare(done[-1].output)
        wide = is_wide(operator)
        self.add_jobs(
            operator.name,
            spans,
            target,
            None if wide else stored_thresholds(operator.thresholds, target),
            wide=wide_convolution(operator, target) if wide else None,
            height=size[0] // pooling * pooling,
            width=size[1] // pooling * pooling,
            pooling=pooling,
            operators=tuple(each.name for each in done),
            **fields,
        )
        self.copy_variants(done[-1].output)

    def lookup(self, operator: Lookup) -> None:
        sources = self.sources(operator.input)
        target = self.declare(operator.output)
        self.add_jobs(
            operator.name,
            channelwise_spans([(sources, 1)], stored=True),
            target,
            None,
            wide=looked_up(operator, [storage for storage, _ in sources], target),
            height=target.height,
            width=target.width,
            operators=(operator.name,),
        )
        self.copy_variants(operator.output)

    def table_sum(self, operator: TableSum) -> None:
        inputs = [self.sources(name) for name in operator.inputs]
        target = self.declare(operator.output)
        spans, turns = [], []
        for pair in zip(*(channelwise_spans([(each, 1)], stored=True) for each in inputs),
                        strict=True):  # fmt: skip
            span, own = span_of_turns(pair)
            spans.append(span)
            turns.append(own)
        storages = [[storage for storage, _ in sources] for sources in inputs]
        self.add_jobs(
            operator.name,
            spans,
            target,
            None,
            wide=summed(operator, storages, target),
            turns=turns,
            height=target.height,
            width=target.width,
            operators=(operator.name,),
        )
        self.copy_variants(operator.output)

    def max_pool(self, operator: MaxPool) -> None:
        check_strides(operator)
        tensor = self.network.tensors[operator.input]
        window = tuple(
            (y - operator.pads[0], x - operator.pads[1])
            for y in range(operator.kernel[0])
            for x in range(operator.kernel[1])
        )
        sources = self.sources(operator.input, padding_of(operator, self.network))
        # The maximum of bits is 1 where their sum is not 0: one capture instead of one for each.
        bits = all(storage.bits == 1 for storage, _ in sources)
        self.move(
            operator.name,
            sources,
            self.declare(operator.output),
            strides=operator.strides,
            height=pool_size(operator, tensor.height, 0),
            width=pool_size(operator, tensor.width, 1),
            operators=(operator.name,),
            **({"summed": window} if bits else {"phases": window}),
        )
        self.copy_variants(operator.output)

    def host_map(self, operator: HostMap) -> None:
        """A map that is there when the next segment begins."""
        if operator.piece not in self.pieces:
            self.pieces.append(operator.piece)
        self.declare(operator.output)
        self.copy_variants(operator.output)

    def upsample(self, operator: Upsample) -> None:
        tensor = self.network.tensors[operator.input]
        self.move(
            operator.name,
            self.sources(operator.input),
            self.declare(operator.output),
            height=tensor.height,
            width=tensor.width,
            scatter=tuple((y, x) for y in range(2) for x in range(2)),
            enlarge=2,
            operators=(operator.name,),
        )
        self.copy_variants(operator.output)

    def interleave(self, operator: Interleave) -> None:
        tensor = self.network.tensors[operator.inputs[0]]
        target = self.declare(operator.output)
        for place, name in enumerate(operator.inputs):
            self.move(
                operator.name,
                self.sources(name),
                target,
                height=tensor.height,
                width=tensor.width,
                scatter=(divmod(place, 2),),
                enlarge=2,
                operators=(operator.name,),
            )
        self.copy_variants(operator.output)

    def move(
        self,
        name: str,
        sources: list[Source],
        target: Storage,
        *,
        summed: tuple[Offset, ...] = ((0, 0),),
        **fields,
    ) -> None:
        """Move stored codes, in the target's form. ``summed``: window places whose bits are ORed,
        where codes have one."""
        size = {"height": target.height, "width": target.width}
        spans = channelwise_spans([(sources, 1)], stored=True)
        spans = [over_window(span, summed) for span in spans]
        if target.bits > CODE_BITS:
            wide = WideCodes(identity(target.channels))
            self.add_jobs(name, spans, target, None, wide=wide, **(size | fields))
            return
        storages = [storage for storage, _ in sources]
        thresholds = moving_thresholds(storages, target, summed=len(summed) > 1)
        self.add_jobs(name, spans, target, thresholds, **(size | fields))

    def add_jobs(
        self,
        name: str,
        spans: list[ChannelSpan],
        target: Storage,
        thresholds: Thresholds | None,
        *,
        wide: WideCodes | None = None,
        turns: list[tuple] | None = None,
        bit_operations: int = 0,
        **fields,
    ) -> None:
        """One job per span; ``bit_operations``, ``thresholds`` and ``wide`` [channels] are per
        channel, ``turns`` per span."""
        for span, own in zip(spans, turns or [()] * len(spans), strict=True):
            image = span.first // WORD_CHANNELS
            self.jobs.append(
                Job(
                    name=name if len(spans) == 1 else f"{name}[{image}]",
                    span=span,
                    output=target.name,
                    segment=len(self.pieces),
                    thresholds=rows_of(thresholds, span),
                    wide=wide_rows_of(wide, span),
                    turns=own,
                    bit_operations=(span.stop - span.first) * bit_operations,
                    **fields,
                )
            )
