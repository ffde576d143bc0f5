"""Memory as a host sees it: the picture goes in, codes and results come out, by the manifest."""

import numpy as np

from arch.formats import GROUP_LANES, PICTURE_BYTES
from golden.formats import MapFormat, blocks_of, pack_map, pack_picture, pairs_of, unpack_map
from host.image import Image
from host.manifest import Manifest, StoredMap
from host.stored.picture import Picture


def memory_with_picture(image: Image, manifest: Manifest, codes: np.ndarray) -> np.ndarray:
    """Memory before a run, uint8 [memory_bytes]: program image and picture codes [C, H, W]."""
    memory = image.memory()
    write_picture(memory, manifest, codes)
    return memory


def write_picture(memory: np.ndarray, manifest: Manifest, codes: np.ndarray) -> None:
    """Put a picture's bytes uint8 [C, H, W], or what a table makes of them, where the program
    expects them.

    Raises ValueError where the shape is not the network's.
    """
    picture = manifest.picture
    shape = (picture.channels, picture.height, picture.width)
    if codes.shape != shape or codes.dtype != np.uint8:
        raise ValueError(f"picture codes must be uint8 {shape}, not {codes.dtype} {codes.shape}")
    if picture.table:
        codes = np.array(picture.table, np.uint8)[codes]
    if picture.block > 1:
        blocks = blocks_of(codes, picture.corner, picture.pad)
        pack_map(memory, blocks_format(picture), blocks)
    else:
        if picture.pairs:
            codes = pairs_of(codes, picture.pad)
        pack_picture(memory, picture.address, picture.row_bytes // PICTURE_BYTES, codes)


def blocks_format(picture: Picture) -> MapFormat:
    """The memory format of a picture in blocks."""
    return MapFormat(
        image_channels=picture.image_channels,
        address=picture.address,
        pitch=picture.row_bytes // picture.position_bytes,
        channels=picture.block_channels,
        height=picture.stored_rows,
        width=picture.stored_columns,
        planes=picture.position_bytes // (picture.image_channels // 8),
        image_bytes=picture.image_bytes,
    )


def layer_format(layer: StoredMap) -> MapFormat:
    """The memory format of a manifest's layer; sums have all their planes."""
    return MapFormat(
        image_channels=layer.image_channels,
        address=layer.address,
        pitch=layer.row_bytes // layer.position_bytes,
        channels=layer.channels,
        height=layer.height,
        width=layer.width,
        planes=layer.position_bytes // (layer.image_channels // 8),
        image_bytes=layer.image_bytes,
    )


def read_layer(memory: np.ndarray, layer: StoredMap) -> np.ndarray:
    """A layer's network codes uint8, or integer sums v int64, [C, H, W].

    v = (base - step * sum) / divisor: what the array counts runs against v (docs/machine.md, 1).
    """
    return network_values(layer, unpack_map(memory, layer_format(layer)))


def read_layer_on_chip(activations: np.ndarray, layer: StoredMap) -> np.ndarray:
    """Network codes uint8 [C, H, W] of a layer that stays on chip.

    ``activations`` uint16 [positions, lane groups]: what is on chip when it is computed.
    """
    y, x = np.arange(layer.height)[:, None], np.arange(layer.width)
    lanes = []
    for part in layer.chip:
        columns = (x >> 1) + (x & 1) * part.odd_offset if part.odd_offset else x
        planes = np.arange(layer.planes)[:, None, None] * part.plane_stride
        positions = part.first + y * part.row_step + columns + planes
        words = activations[positions % len(activations), part.group]
        bits = words >> np.arange(GROUP_LANES)[:, None, None, None] & 1
        lanes.append((bits << np.arange(layer.planes)[:, None, None]).sum(axis=1))
    return network_values(layer, np.concatenate(lanes)[: layer.channels])


def network_values(layer: StoredMap, stored: np.ndarray) -> np.ndarray:
    """What stored codes or sums [C, H, W] of a layer mean: see :func:`read_layer`."""
    if layer.kind == "raw":
        base, step, divisor = (
            np.array(values, np.int64)[:, None, None]
            for values in (layer.base, layer.step, layer.divisor)
        )
        return (base - step * stored) // divisor
    return ((stored - layer.shift) // layer.multiplier).astype(np.uint8)
