"""The manifest of a build: what a host must know to use the program image beside it.

It is the contract between compiler and hosts, written and read here alone. ``manifest.json`` also
holds the digests of the files beside it and a fingerprint of all of its own content: a file of
another build, or a value changed by hand, is noticed when the build is read.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from arch.errors import OnefourError
from arch.formats import LANE_GROUPS, images_of
from arch.machine import Machine
from arch.memory import Memory
from host.candidates.records import Candidates, HostHead, contradiction
from host.description import Description, DescriptionError, parse_description
from host.layouts import Boxes
from host.stored.picture import Picture, wrong_in_picture
from host.stored.records import Address, Count, Natural, Record

FORMAT = "onefour build"
FORMAT_VERSION = 5
PIECE_FILE = re.compile(r"host\d+\.onnx")
"""What files of pieces are called."""
AGAIN = "build it again with: onefour build MODEL.onnx -o FOLDER"
Sum = Annotated[int, Meta(gt=-(1 << 48), lt=1 << 48)]


class ManifestError(OnefourError):
    """A manifest that is damaged, incomplete, or not of this build."""


class ChipPart(Record):
    """Where one image of 16 channels of a map that stays on chip lies.

    Plane i of pixel (y, x) is at position ``first`` + y * ``row_step`` + f(x) + i *
    ``plane_stride`` of lane group ``group``; f(x) = x, or (x >> 1) + (x & 1) * ``odd_offset`` if
    that is not 0.
    """

    group: Annotated[int, Meta(ge=0, lt=LANE_GROUPS)]
    first: Natural
    row_step: Count
    plane_stride: Count
    odd_offset: Natural


class StoredMap(Record):
    """A stored tensor: where and how its codes (or sums) lie once ``last_compute`` is done.

    With ``chip``, an entry for each image of 16 channels, it stays on chip for as long as it is
    read; its address and the sizes in bytes are 0.

    ``kind`` "codes": stored code = multiplier * code + shift. ``kind`` "raw": for each channel
    v = (base - step * sum) / divisor.
    """

    storage: str
    #: Tensor of the integer network, and of the ONNX file.
    tensor: str
    onnx: str
    kind: Literal["codes", "raw"]
    #: Operators of the integer network that are done on the way.
    operators: tuple[str, ...]
    #: Numbers of its COMPUTEs, and their cycles as predicted.
    first_compute: Natural
    last_compute: Natural
    first_cycle: Natural
    last_cycle: Natural
    address: Address
    #: Channels of an image, and bytes from one to the next.
    image_channels: Literal[8, 16]
    image_bytes: Natural
    row_bytes: Natural
    position_bytes: Natural
    planes: Count
    channels: Count
    height: Count
    width: Count
    bits: Annotated[int, Meta(ge=0, le=8)]
    multiplier: Count
    shift: int
    bit_operations: Natural
    base: tuple[Sum, ...] = ()
    step: tuple[Sum, ...] = ()
    divisor: tuple[Count, ...] = ()
    chip: tuple[ChipPart, ...] = ()


class Result(Record):
    """A result of the network: v * scale + bias, for each channel of the stored ``tensor``."""

    name: str
    tensor: str
    scale: tuple[float, ...]
    bias: tuple[float, ...]


class Forecast(Record):
    """Cycles of a frame by the cost model, and the memory that they hold for: the one that the
    program is arranged for."""

    cycles: Natural
    memory: Memory


class Tail(Record):
    """What the host computes from the results with ``tail.onnx`` (``host.tail``).

    Its inputs have the names of results. ``outputs``: the model's own, in its order; ``boxes``:
    where there are boxes in them, if that is known.
    """

    outputs: tuple[str, ...]
    boxes: Boxes | None = None


class Part(Record):
    """Channels ``first`` up to, not including, ``stop`` of a stored tensor."""

    tensor: str
    first: Natural
    stop: Count


class Read(Record):
    """What the host reads in mid-network: v * scale + bias, for each channel of the ``parts``, one
    after the other; ``name``: of the piece's input."""

    name: str
    parts: tuple[Part, ...]
    scale: tuple[float, ...]
    bias: tuple[float, ...]


def computed_together(layers: Iterable[StoredMap]) -> list[tuple[StoredMap, ...]]:
    """Layers in the order of their COMPUTEs; those whose COMPUTEs come in turn stand together."""
    found: list[tuple[StoredMap, ...]] = []
    last = -1
    for layer in sorted(layers, key=lambda layer: layer.first_compute):
        if layer.first_compute <= last:
            found[-1] += (layer,)
        else:
            found.append((layer,))
        last = max(last, layer.last_compute)
    return found


class Written(Record):
    """A map that the host writes: codes of the piece's output ``name``.

    value = scale * (step * code + offset). In ``layer``, which says where they go and in what form,
    COMPUTEs and cycles are those at which the piece is done.
    """

    name: str
    scale: float
    step: Count
    offset: int
    bits: Annotated[int, Meta(ge=1, le=8)]
    layer: StoredMap


class Piece(Record):
    """What the host does when a program has ended: ``file``, run by onnxruntime, makes the values
    of ``writes`` of those of ``reads``; then the program at ``program_address`` goes on."""

    file: str
    reads: tuple[Read, ...]
    writes: tuple[Written, ...]
    program_address: Address


class Manifest(Record):
    """All of a build that is not in its program image.

    ``input_scale``: the network's input is this times the picture's codes. ``detection``: the
    side-car of the model, as it stands there. ``fused``: network tensors that are max-pooled before
    they are stored -> the pooled tensor. ``pieces``: what the host computes in mid-network, in
    order; COMPUTEs and cycles are numbered on behind them. ``candidates``: where there can be boxes
    that score at least ``confidence``; () where all are needed. ``heads``: results that the host
    computes there, and no program.
    """

    network: str
    machine: Machine
    memory_bytes: Count
    program_address: Address
    picture: Picture
    layers: tuple[StoredMap, ...]
    outputs: tuple[Result, ...]
    fused: dict[str, str]
    bit_operations: Natural
    prediction: Forecast
    input_scale: float = 1.0
    detection: dict | None = None
    tail: Tail | None = None
    pieces: tuple[Piece, ...] = ()
    candidates: tuple[Candidates, ...] = ()
    confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    heads: tuple[HostHead, ...] = ()
    files: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def description(self) -> Description | None:
        """How boxes are decoded; None for a model without a side-car."""
        return None if self.detection is None else parse_description(self.detection)

    @property
    def layers_in_memory(self) -> tuple[StoredMap, ...]:
        """Those that do not stay on chip."""
        return tuple(layer for layer in self.layers if not layer.chip)

    def layer_of(self, tensor: str) -> StoredMap:
        """Where a tensor of the integer network is in memory; any of its storages has its codes."""
        written = (each.layer for piece in self.pieces for each in piece.writes)
        stored = (*self.layers_in_memory, *written)
        return next(layer for layer in stored if layer.tensor == tensor)

    @property
    def head_names(self) -> frozenset[str]:
        """Names of the results that the host computes."""
        return frozenset(head.of for head in self.heads)

    @property
    def program_addresses(self) -> tuple[int, ...]:
        """Of all programs of a frame, in order."""
        return (self.program_address, *(piece.program_address for piece in self.pieces))

    def check(self) -> None:
        """:class:`ManifestError` where parts contradict each other or lie outside of memory."""
        if wrong := wrong_in_picture(self.picture, self.memory_bytes):
            raise ManifestError(f"picture: {wrong}")
        if not 0 < self.input_scale < math.inf:
            raise ManifestError(f"input_scale is {self.input_scale}, not a positive number")
        if not self.layers or not self.outputs:
            raise ManifestError("no layers or no outputs")
        if len({layer.storage for layer in self.layers}) != len(self.layers):
            raise ManifestError("two layers have one storage")
        for layer in self.layers:
            _check_layer(layer, self.memory_bytes)
        for output in self.outputs:
            _check_output(output, self.layers, self.heads)
        for piece in self.pieces:
            _check_piece(piece, self)
        if self.tail is not None:
            _check_tail(self.tail)
        maps = {layer.tensor: layer for layer in self.layers_in_memory}
        if wrong := contradiction(self.candidates, self.heads, maps, self.outputs):
            raise ManifestError(wrong)
        try:
            _ = self.description
        except DescriptionError as error:
            raise ManifestError(f"detection: {error}") from None


def _check_layer(layer: StoredMap, memory_bytes: int) -> None:
    where = f"layer {layer.storage!r}"
    images = images_of(layer.channels, layer.image_channels)
    plane_bytes = layer.image_channels // 8
    if layer.last_compute < layer.first_compute:
        raise ManifestError(f"{where}: ends before it begins")
    lengths = {len(layer.base), len(layer.step), len(layer.divisor)}
    if lengths != {layer.channels if layer.kind == "raw" else 0}:
        raise ManifestError(f"{where}: base, step and divisor for {layer.channels} channels")
    if layer.chip:
        sizes = {layer.address, layer.image_bytes, layer.row_bytes, layer.position_bytes}
        if layer.kind == "raw" or len(layer.chip) != images or sizes != {0}:
            raise ManifestError(f"{where}: does not lie on chip")
        if not 1 <= layer.bits <= layer.planes:
            raise ManifestError(f"{where}: {layer.bits} bits in {layer.planes} planes")
        return
    if not layer.position_bytes or not layer.row_bytes or not layer.image_bytes:
        raise ManifestError(f"{where}: lies nowhere")
    used = ((layer.height - 1) * layer.row_bytes) + layer.width * layer.position_bytes
    if layer.row_bytes % layer.position_bytes or layer.position_bytes % plane_bytes:
        raise ManifestError(f"{where}: rows of {layer.row_bytes} / {layer.position_bytes} bytes")
    if layer.row_bytes < layer.width * layer.position_bytes or layer.image_bytes < used:
        raise ManifestError(f"{where}: its map does not fit its rows or images")
    if layer.address + (images - 1) * layer.image_bytes + used > memory_bytes:
        raise ManifestError(f"{where}: does not lie in memory")
    if layer.kind == "codes" and not 1 <= layer.bits <= layer.position_bytes // plane_bytes:
        raise ManifestError(f"{where}: {layer.bits} bits in {layer.position_bytes} bytes")


def _check_output(output: Result, layers: tuple[StoredMap, ...], heads: tuple[HostHead, ...]):
    stored = [head for head in heads if head.of == output.name]
    stored += [layer for layer in layers if layer.tensor == output.tensor and not layer.chip]
    if not stored:
        raise ManifestError(f"output {output.name!r}: tensor {output.tensor!r} is not stored")
    if {len(output.scale), len(output.bias)} != {stored[0].channels}:
        raise ManifestError(f"output {output.name!r}: scales for {stored[0].channels} channels")
    if not all(map(math.isfinite, output.scale + output.bias)):
        raise ManifestError(f"output {output.name!r}: a scale or bias is not finite")


def _check_piece(piece: Piece, manifest: Manifest) -> None:
    where = f"host piece {piece.file!r}"
    written = [each.layer for own in manifest.pieces for each in own.writes]
    known = {layer.tensor: layer.channels for layer in (*manifest.layers_in_memory, *written)}
    if not piece.reads or not piece.writes or not PIECE_FILE.fullmatch(piece.file):
        raise ManifestError(f"{where}: reads or writes nothing, or has no such file")
    if piece.program_address >= manifest.memory_bytes:
        raise ManifestError(f"{where}: its program does not lie in memory")
    for read in piece.reads:
        sizes = {len(read.scale), len(read.bias), sum(p.stop - p.first for p in read.parts)}
        inside = all(p.first < p.stop <= known.get(p.tensor, 0) for p in read.parts)
        if len(sizes) != 1 or not inside or not all(map(math.isfinite, read.scale + read.bias)):
            raise ManifestError(f"{where}: input {read.name!r} is not stored like that")
    for each in piece.writes:
        _check_layer(each.layer, manifest.memory_bytes)
        if each.layer.chip or each.layer.kind != "codes" or not 0 < each.scale < math.inf:
            raise ManifestError(f"{where}: result {each.name!r} is no map of codes in memory")


def _check_tail(tail: Tail) -> None:
    boxes = tail.boxes
    if not tail.outputs:
        raise ManifestError("tail: no outputs")
    if boxes is not None:
        for name in filter(None, (boxes.output, boxes.scores, boxes.prototypes)):
            if name not in tail.outputs:
                raise ManifestError(f"tail: boxes in {name!r}, which is no output")
        if boxes.layout == "yolox" and not boxes.strides:
            raise ManifestError("tail: boxes in cells of unknown strides")
        if boxes.layout == "ssd" and not boxes.scores:
            raise ManifestError("tail: boxes without scores")


def digest(content: bytes) -> str:
    """SHA-256 of a file's content, as the manifest lists it."""
    return hashlib.sha256(content).hexdigest()


def fingerprint(record: dict) -> str:
    """The digest of everything in a manifest but its fingerprint."""
    content = {key: value for key, value in record.items() if key != "fingerprint"}
    return digest(json.dumps(content, sort_keys=True).encode())


def seal(record: dict) -> dict:
    """The values of a manifest with their fingerprint."""
    return record | {"fingerprint": fingerprint(record)}


def write_manifest(manifest: Manifest) -> str:
    """The text of ``manifest.json``, sealed with its fingerprint."""
    manifest.check()
    record = {"format": FORMAT, "format_version": FORMAT_VERSION}
    record |= json.loads(msgspec.json.encode(manifest))
    return json.dumps(seal(record), indent=1) + "\n"


def sealed_record(content: bytes) -> dict:
    """A manifest of any version as plain values; :class:`ManifestError` unless its seal is whole.

    What has no seal was not written by this product, or has been changed since.
    """
    try:
        record = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"not JSON ({error or 'nested too deeply'})") from None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        raise ManifestError("not the manifest of a onefour build")
    if record.get("fingerprint") != fingerprint(record):
        raise ManifestError("changed or damaged since it was written")
    return record


def read_manifest(content: bytes) -> Manifest:
    """Decode and check ``manifest.json``; :class:`ManifestError` says what is wrong with it."""
    record = sealed_record(content)
    version = record.get("format_version")
    if version != FORMAT_VERSION:
        raise ManifestError(f"format version {version}; supported: {FORMAT_VERSION}")
    content = {k: v for k, v in record.items() if k not in ("format", "format_version")}
    return manifest_of({k: v for k, v in content.items() if k != "fingerprint"})


def manifest_of(record: dict) -> Manifest:
    """A manifest from plain values, types and consistency checked."""
    try:
        manifest = msgspec.convert(record, Manifest)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ManifestError(str(error)) from None
    manifest.check()
    return manifest
