"""The manifest of a compiled network: what a host needs to know (``host.manifest``)."""

from collections.abc import Iterator

from compiler.backend.memory import Placed
from compiler.backend.on_chip.chip_map import ChipMap
from compiler.backend.storage import Place, Storage
from compiler.candidates.find import Found
from compiler.flow import Compiled
from compiler.tail import describe_tail
from golden.network import HostMap, Network, Output
from host.manifest import (
    ChipPart,
    Forecast,
    Manifest,
    Part,
    Piece,
    Read,
    Result,
    StoredMap,
    Written,
)
from host.stored.picture import Picture


def describe(compiled: Compiled) -> Manifest:
    """Where the picture goes, where layers' codes and the results lie, and what a frame costs."""
    jobs = compiled.plan.jobs
    written: dict[str, list[int]] = {}
    for number, placed in enumerate(jobs):
        written.setdefault(placed.job.output, []).append(number)
    return Manifest(
        pieces=tuple(_pieces(compiled)),
        network=compiled.network.name,
        machine=compiled.machine,
        memory_bytes=compiled.image.memory_bytes,
        program_address=compiled.image.program_address,
        picture=_picture(compiled.plan.places[compiled.network.input], compiled.network),
        layers=tuple(_stored_map(compiled, name, jobs) for name, jobs in written.items()),
        outputs=tuple(_result(output) for output in compiled.network.outputs),
        fused=dict(compiled.lowered.fused),
        bit_operations=sum(placed.job.bit_operations for placed in jobs),
        tail=compiled.parts and describe_tail(compiled.parts, _size(compiled)),
        prediction=Forecast(cycles=compiled.prediction.cycles, memory=compiled.memory),
        heads=compiled.heads,
        **_candidates(compiled.candidates),
    )


def _candidates(found: Found) -> dict:
    """Nothing, where a manifest is to say nothing of it."""
    return {"candidates": found.maps, "confidence": found.floor} if found.maps else {}


def _chip_part(chip: ChipMap, image: int) -> ChipPart:
    layout, shape = chip.layout, chip.layout.shape
    return ChipPart(
        group=layout.groups(image)[0],
        first=chip.row(image, 0) + layout.column(shape.left),
        row_step=shape.row_step,
        plane_stride=layout.plane_stride,
        odd_offset=layout.odd_offset,
    )


def _where(compiled: Compiled, name: str) -> dict:
    """Where a storage lies."""
    if name in compiled.plan.chip_maps:
        chip = compiled.plan.chip_maps[name]
        parts = tuple(_chip_part(chip, image) for image in range(chip.storage.words))
        nowhere = dict.fromkeys(("address", "image_bytes", "row_bytes", "position_bytes"), 0)
        return nowhere | {"image_channels": compiled.machine.image_channels, "chip": parts}
    place = compiled.plan.places[name]
    layout = place.layout
    return {
        "address": place.position(0, 0, 0),
        "image_channels": layout.image_channels,
        "image_bytes": layout.image_bytes,
        "row_bytes": layout.row_bytes,
        "position_bytes": layout.position_bytes,
    }


def _size(compiled: Compiled) -> tuple[int, int]:
    return compiled.network.shape(compiled.network.input)[1:]


def _stored_map(compiled: Compiled, name: str, numbers: list[int]) -> StoredMap:
    """A storage and the jobs, by their numbers, that write it."""
    storage = compiled.lowered.storages[name]
    jobs: list[Placed] = [compiled.plan.jobs[number] for number in numbers]
    jobs.sort(key=lambda placed: placed.job.span.first)  # channels; jobs may come in any order
    computes = [compute for number in numbers for compute in compiled.computes[number]]
    relations = [placed.encoded.relation for placed in jobs if placed.job.raw]
    timing = compiled.prediction.computes
    return StoredMap(
        kind=storage.kind,
        operators=tuple(dict.fromkeys(name for placed in jobs for name in placed.job.operators)),
        first_compute=min(computes),
        last_compute=max(computes),
        first_cycle=timing[min(computes)].first_pass,
        last_cycle=timing[max(computes)].stored,
        **_what(compiled, storage),
        **_where(compiled, name),
        bit_operations=sum(placed.job.bit_operations for placed in jobs),
        base=tuple(int(base) for relation in relations for base in relation.base),
        step=tuple(relation.step for relation in relations for _ in relation.base),
        divisor=tuple(relation.divisor for relation in relations for _ in relation.base),
    )


def _what(compiled: Compiled, storage: Storage) -> dict:
    """Names and form of a stored map, whoever writes it."""
    return {
        "tensor": storage.tensor,
        "storage": storage.name,
        "onnx": compiled.network.onnx_names.get(storage.tensor, storage.tensor),
        "planes": storage.planes,
        "channels": storage.channels,
        "height": storage.height,
        "width": storage.width,
        "bits": storage.bits,
        "multiplier": storage.multiplier,
        "shift": storage.shift,
    }


def _pieces(compiled: Compiled) -> Iterator[Piece]:
    """What the host computes between programs."""
    network, storages = compiled.network, compiled.lowered.storages
    before = compute = 0
    for piece, done, following in zip(
        network.pieces, compiled.segments, compiled.segments[1:], strict=False
    ):
        compute += len(done.schedule.computes)
        if done.schedule.computes:
            before = compiled.prediction.computes[compute - 1].stored
        made = [o for o in network.operators if isinstance(o, HostMap) and o.piece is piece]
        yield Piece(
            file=f"{piece.name}.onnx",
            reads=tuple(_read(compiled, read) for read in piece.reads),
            writes=tuple(
                Written(
                    name=each.made,
                    scale=float(network.tensors[each.output].scale),
                    step=network.tensors[each.output].step,
                    offset=network.tensors[each.output].offset,
                    bits=network.tensors[each.output].bits,
                    layer=_host_map(compiled, storages[each.output], each.name, compute, before),
                )
                for each in made
            ),
            program_address=following.address,
        )


def _read(compiled: Compiled, read: Output) -> Read:
    parts: list[Part] = []
    for tensor, channel in compiled.lowered.read[read.tensor]:
        if parts and parts[-1].tensor == tensor and parts[-1].stop == channel:
            parts[-1] = Part(tensor=tensor, first=parts[-1].first, stop=channel + 1)
        else:
            parts.append(Part(tensor=tensor, first=channel, stop=channel + 1))
    return Read(
        name=read.name,
        parts=tuple(parts),
        scale=tuple(map(float, read.scale)),
        bias=tuple(map(float, read.bias)),
    )


def _host_map(
    compiled: Compiled, storage: Storage, operator: str, compute: int, cycle: int
) -> StoredMap:
    """A map that the host writes before COMPUTE number ``compute``."""
    return StoredMap(
        kind="codes",
        operators=(operator,),
        first_compute=compute,
        last_compute=compute,
        first_cycle=cycle,
        last_cycle=cycle,
        **_what(compiled, storage),
        **_where(compiled, storage.name),
        bit_operations=0,
    )


def _result(output: Output) -> Result:
    return Result(
        name=output.name,
        tensor=output.tensor,
        scale=tuple(map(float, output.scale)),
        bias=tuple(map(float, output.bias)),
    )


def _picture(place: Place, network: Network) -> Picture:
    storage, layout, table = place.storage, place.layout, network.picture_table
    channels, height, width = network.shape(network.input)
    blocks = {
        "block": storage.block,
        "corner": storage.corner,
        "image_channels": layout.image_channels,
        "image_bytes": layout.image_bytes,
        "position_bytes": layout.position_bytes,
    }
    return Picture(
        tensor=storage.name,
        address=place.position(0, 0, 0),
        row_bytes=layout.row_bytes,
        channels=channels,
        height=height,
        width=width,
        pad=storage.pad_code,
        pairs=storage.pairs,
        table=() if table is None else tuple(map(int, table)),
        **(blocks if storage.block > 1 else {}),
    )
