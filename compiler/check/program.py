"""The program on the instruction-level machine against the integer network, layer by layer."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from compiler.errors import DifferenceError
from golden.formats import MapFormat, unpack_map
from golden.machine import GoldenMachine, Statistics
from host.image import Image
from host.manifest import Manifest, Piece
from host.memory import layer_format, memory_with_picture, read_layer, read_layer_on_chip
from host.pieces import run_frame


@dataclass(frozen=True, kw_only=True, eq=False)
class StoredLayer:
    """What one layer leaves in memory once ``bytes_written`` bytes have been written.

    Of a layer that stays on chip the codes; it has no ``form``.
    """

    name: str
    form: MapFormat | None
    stored: np.ndarray
    bytes_written: int


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One layer as found against what it must be."""

    name: str
    codes: int
    differing: int
    #: The first difference, in words.
    first: str = ""


def first_difference(name: str, found: np.ndarray, expected: np.ndarray) -> Compared:
    """Compare codes [channels, height, width]."""
    differing = np.argwhere(found != expected)
    if not len(differing):
        return Compared(name=name, codes=expected.size, differing=0)
    channel, y, x = (int(i) for i in differing[0])
    text = (
        f"layer {name!r}, channel {channel}, row {y}, column {x}: expected "
        f"{int(expected[channel, y, x])}, found {int(found[channel, y, x])}"
    )
    return Compared(name=name, codes=expected.size, differing=len(differing), first=text)


def check_program(
    image: Image,
    manifest: Manifest,
    codes: np.ndarray,
    results: dict[str, np.ndarray],
    pieces: Mapping[str, bytes] | None = None,
) -> tuple[list[StoredLayer], np.ndarray]:
    """Run a program on the picture ``codes`` [C, H, W]; ``results``: of ``golden.execute.run``;
    ``pieces``: files of what the host computes in mid-network.

    Returns the layers in order of completion, and memory at the end. Raises
    :class:`DifferenceError` at the first layer where the program does not compute the network.
    """
    memory = memory_with_picture(image, manifest, codes)
    by_compute: dict[int, list] = {}
    for layer in manifest.layers:
        by_compute.setdefault(layer.last_compute, []).append(layer)
    done = []

    before, written = 0, 0

    def note(index: int, statistics: Statistics) -> None:
        for layer in by_compute.get(before + index, []):
            expected = results[layer.tensor]
            if layer.chip:
                found = read_layer_on_chip(machine.chip.activations, layer)
            else:
                found = read_layer(memory, layer)
            compared = first_difference(layer.storage, found, expected)
            if compared.differing:
                raise DifferenceError(
                    f"the program does not compute the network: {compared.first} "
                    f"({compared.differing} of {compared.codes} differ)"
                )
            form = None if layer.chip else layer_format(layer)
            done.append(
                StoredLayer(
                    name=layer.storage,
                    form=form,
                    stored=found if form is None else unpack_map(memory, form),
                    bytes_written=written + statistics.write_bytes,
                )
            )

    machine = GoldenMachine(manifest.machine, after_compute=note)

    def run(address: int) -> None:
        nonlocal before, written
        statistics = machine.run(memory, address)
        before, written = before + statistics.computed, written + statistics.write_bytes

    def compare(piece: Piece, found: dict[str, np.ndarray]) -> None:
        for tensor, own in found.items():
            compared = first_difference(tensor, own, results[tensor])
            if compared.differing:
                raise DifferenceError(
                    f"{piece.file} does not compute the network: {compared.first} "
                    f"({compared.differing} of {compared.codes} differ)"
                )

    run_frame(memory, manifest, pieces or {}, run, compare)
    if len(done) < len(manifest.layers):
        raise DifferenceError(
            f"the program ended after {len(done)} of {len(manifest.layers)} layers"
        )
    return done, memory
