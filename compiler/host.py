"""What a host does around a run, by the manifest: write the picture, read codes and results."""

import numpy as np

from golden.formats import MapFormat, pack_picture, unpack_map

PIXEL_BYTES = 4


def write_picture(memory: np.ndarray, manifest: dict, codes: np.ndarray) -> None:
    """Put picture codes uint8 [C, H, W] where the program expects them.

    Raises ValueError where the shape is not the network's.
    """
    picture = manifest["picture"]
    shape = (picture["channels"], picture["height"], picture["width"])
    if codes.shape != shape or codes.dtype != np.uint8:
        raise ValueError(f"picture codes must be uint8 {shape}, not {codes.dtype} {codes.shape}")
    pack_picture(memory, picture["address"], picture["row_bytes"] // PIXEL_BYTES, codes)


def layer_format(layer: dict) -> MapFormat:
    """The memory format of a manifest's layer; sums have all their planes."""
    planes = layer["position_bytes"] // 2
    return MapFormat(
        address=layer["address"],
        pitch=layer["row_bytes"] // layer["position_bytes"],
        channels=layer["channels"],
        height=layer["height"],
        width=layer["width"],
        planes=planes,
        group_bytes=layer["image_bytes"],
    )


def read_layer(memory: np.ndarray, layer: dict) -> np.ndarray:
    """A layer's network codes uint8, or integer sums v int64, [C, H, W].

    v = (base - step * sum) / divisor: what the array counts runs against v (docs/machine.md, 1).
    """
    stored = unpack_map(memory, layer_format(layer))
    if layer["kind"] == "raw":
        base, step, divisor = (
            np.array(layer[key], np.int64)[:, None, None] for key in ("base", "step", "divisor")
        )
        return (base - step * stored) // divisor
    return ((stored - layer["shift"]) // layer["multiplier"]).astype(np.uint8)


def read_outputs(memory: np.ndarray, manifest: dict) -> dict[str, np.ndarray]:
    """Float64 [C, H, W] of every network output: v * scale + bias."""
    layers = {layer["tensor"]: layer for layer in manifest["layers"]}
    return {
        output["name"]: read_layer(memory, layers[output["tensor"]])
        * np.array(output["scale"])[:, None, None]
        + np.array(output["bias"])[:, None, None]
        for output in manifest["outputs"]
    }
