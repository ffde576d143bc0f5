"""What the page shows of a build, as plain values."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from arch.formats import images_of
from arch.isa import Opcode
from arch.machine import Machine
from compiler.build_folder import Build
from compiler.cost.account import Account, Use, account, uses_of
from compiler.cost.frame import Prediction
from compiler.cost.segments import predict_all
from golden.program import Instruction, fetch_program
from host.manifest import Manifest, StoredMap, computed_together

CONTENTS = {
    Opcode.LOAD_MAP: "maps",
    Opcode.LOAD_PICTURE: "picture",
    Opcode.LOAD_WEIGHTS: "weights",
    Opcode.LOAD_THRESHOLDS: "thresholds",
    Opcode.LOAD_TABLE: "pass tables",
    Opcode.LOAD_CODES: "code tables",
    Opcode.LOAD_PROGRAM: "program",
}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A stored map, or several that are computed in turn: their COMPUTEs, and what the cycles of
    these went to."""

    name: str
    shape: str
    first: int
    last: int
    account: Account
    bit_operations: int


@dataclass(frozen=True, kw_only=True)
class Object:
    """Something in memory: [first, stop) in bytes."""

    name: str
    kind: str
    first: int
    stop: int


@dataclass(frozen=True, kw_only=True)
class Findings:
    """All that the page shows."""

    manifest: Manifest
    prediction: Prediction
    layers: tuple[Layer, ...]
    total: Account
    #: Bytes of a frame by what they are, read and written.
    read: dict[str, int]
    written: dict[str, int]
    objects: tuple[Object, ...]


def collect(build: Build) -> Findings:
    """Predict a build's frame with the memory that it is arranged for, and account for it."""
    manifest, machine = build.manifest, build.machine
    content = build.image.memory()
    addresses = manifest.program_addresses
    prediction = predict_all(content, addresses, machine, manifest.prediction.memory)
    programs = [fetch_program(content, address) for address in addresses]
    uses = [use for program in programs for use in uses_of(content, program, machine)]
    count = len(prediction.computes)
    layers = tuple(
        _layer(own, prediction, uses) for own in computed_together(manifest.layers)
    )
    return Findings(
        manifest=manifest,
        prediction=prediction,
        layers=layers,
        total=account(prediction, uses, 0, count - 1, with_end=True),
        read=_read(prediction, machine.beat_bytes),
        written=_written(prediction, programs, machine),
        objects=tuple(_objects(build)),
    )


def _layer(own: Sequence[StoredMap], prediction: Prediction, uses: Sequence[Use]) -> Layer:
    """Maps that are computed in turn."""
    first = min(layer.first_compute for layer in own)
    last = max(layer.last_compute for layer in own)
    with_end = last == len(prediction.computes) - 1
    return Layer(
        name=", ".join(layer.onnx or layer.storage for layer in own),
        shape="; ".join(map(_shape, own)),
        first=first,
        last=last,
        account=account(prediction, uses, first, last, with_end=with_end),
        bit_operations=sum(layer.bit_operations for layer in own),
    )


def _shape(layer: StoredMap) -> str:
    bits = "sums" if layer.kind == "raw" else f"{layer.bits} bit"
    place = ", stays on chip" if layer.chip else ""
    return f"{layer.channels} x {layer.height} x {layer.width}, {bits}{place}"


def _read(prediction: Prediction, beat_bytes: int) -> dict[str, int]:
    found = dict.fromkeys(CONTENTS.values(), 0)
    for load in prediction.load_times:
        found[CONTENTS[load.opcode]] += load.beats * beat_bytes
    return {name: amount for name, amount in found.items() if amount}


def _written(
    prediction: Prediction, programs: Iterable[Sequence[Instruction]], machine: Machine
) -> dict[str, int]:
    found = {"codes": 0, "sums": 0}
    fields = (each.fields for program in programs for each in program)
    computes = (each for each in fields if each["opcode"] is Opcode.COMPUTE)
    for compute, cycles in zip(computes, prediction.computes, strict=True):
        kind = "sums" if compute["raw"] else "codes"
        found[kind] += cycles.write_beats * machine.transfer_bytes
    return found


def _objects(build: Build) -> list[Object]:
    manifest = build.manifest
    picture = manifest.picture
    objects = [
        Object(
            name=picture.tensor,
            kind="picture",
            first=picture.address,
            stop=picture.end,
        )
    ]
    written = (each.layer for piece in manifest.pieces for each in piece.writes)
    for layer in (*manifest.layers_in_memory, *written):
        # What surrounds a map, its padding, is not in it.
        images = images_of(layer.channels, layer.image_channels)
        rows = (layer.height - 1) * layer.row_bytes + layer.width * layer.position_bytes
        objects.append(
            Object(
                name=layer.onnx or layer.storage,
                kind="sums" if layer.kind == "raw" else "codes",
                first=layer.address,
                stop=layer.address + (images - 1) * layer.image_bytes + rows,
            )
        )
    objects.append(
        Object(
            name="program",
            kind="program",
            first=build.image.program_address,
            stop=manifest.memory_bytes,
        )
    )
    objects.sort(key=lambda each: (each.first, each.stop))
    # Whatever lies below the first of these is what the image brings along.
    if objects[0].first:
        constants = Object(
            name="weights, thresholds and tables", kind="constants", first=0, stop=objects[0].first
        )
        objects.insert(0, constants)
    return objects
