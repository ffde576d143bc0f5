"""What the page shows of a build, as plain values."""

from dataclasses import dataclass

from arch.formats import images_of
from arch.isa import Opcode
from compiler.build_folder import Build
from compiler.cost.account import Account, account, uses_of
from compiler.cost.frame import Prediction, predict
from golden.program import fetch_program
from host.manifest import Manifest

CONTENTS = {
    Opcode.LOAD_MAP: "maps",
    Opcode.LOAD_PICTURE: "picture",
    Opcode.LOAD_WEIGHTS: "weights",
    Opcode.LOAD_THRESHOLDS: "thresholds",
    Opcode.LOAD_TABLE: "pass tables",
    Opcode.LOAD_PROGRAM: "program",
}


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A stored map: its COMPUTEs, and what their cycles went to."""

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
    address = build.image.program_address
    prediction = predict(content, address, machine, manifest.prediction.memory)
    uses = uses_of(content, fetch_program(content, address), machine)
    count = len(prediction.computes)
    stored = sorted(manifest.layers, key=lambda layer: layer.first_compute)
    layers = tuple(
        Layer(
            name=layer.onnx or layer.storage,
            shape=f"{layer.channels} x {layer.height} x {layer.width}, "
            + ("sums" if layer.kind == "raw" else f"{layer.bits} bit")
            + (", stays on chip" if layer.chip else ""),
            first=layer.first_compute,
            last=layer.last_compute,
            account=account(
                prediction,
                uses,
                layer.first_compute,
                layer.last_compute,
                with_end=layer.last_compute == count - 1,
            ),
            bit_operations=layer.bit_operations,
        )
        for layer in stored
    )
    return Findings(
        manifest=manifest,
        prediction=prediction,
        layers=layers,
        total=account(prediction, uses, 0, count - 1, with_end=True),
        read=_read(prediction, machine.beat_bytes),
        written=_written(build, prediction),
        objects=tuple(_objects(build)),
    )


def _read(prediction: Prediction, beat_bytes: int) -> dict[str, int]:
    found = dict.fromkeys(CONTENTS.values(), 0)
    for load in prediction.load_times:
        found[CONTENTS[load.opcode]] += load.beats * beat_bytes
    return found


def _written(build: Build, prediction: Prediction) -> dict[str, int]:
    found = {"codes": 0, "sums": 0}
    for layer in build.manifest.layers:
        own = prediction.computes[layer.first_compute : layer.last_compute + 1]
        beats = sum(compute.write_beats for compute in own)
        found["sums" if layer.kind == "raw" else "codes"] += beats * build.machine.transfer_bytes
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
    for layer in manifest.layers_in_memory:
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
