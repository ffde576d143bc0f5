"""Results of a network, out of memory once its programs have ended: sums, and their values."""

from collections.abc import Mapping

import numpy as np

from arch.errors import OnefourError
from host.candidates.heads import head_sums, weights_of
from host.manifest import Manifest
from host.memory import read_layer


def check_floor(manifest: Manifest, floor: float | None) -> None:
    """OnefourError where the host computes heads, but not for boxes that score only ``floor``;
    None: all results are wanted."""
    if not manifest.heads or (floor is not None and floor >= manifest.confidence):
        return
    least = f"{manifest.confidence:g}"
    wanted = "all results" if floor is None else f"boxes that score {floor:g}"
    again = "" if floor is None else f"--confidence {floor:g} for boxes of that score, or with "
    raise OnefourError(
        f"network {manifest.network!r}: {wanted} cannot be had from this build, which has its "
        f"heads computed on the host, only where boxes can score {least} at least; ask for "
        f"{least} or more, or build it again with {again}--heads array for all results: "
        f"onefour build MODEL.onnx -o FOLDER"
    )


def result_sums(
    memory: np.ndarray, manifest: Manifest, floor: float | None = None, heads: bytes = b""
) -> dict[str, np.ndarray]:
    """Sums int64 [C, H, W] of every network output, good for boxes that score ``floor`` or more.

    None: for all. ``heads``: of ``heads.bin``, where the build has one; what the host computes is
    no box but at its candidates (``host.candidates.heads``).
    """
    check_floor(manifest, floor)
    found = {
        output.name: read_layer(memory, manifest.layer_of(output.tensor))
        for output in manifest.outputs
        if output.name not in manifest.head_names
    }
    layers = [manifest.layer_of(head.features) for head in manifest.heads]
    shapes = [
        (head.channels, layer.channels)
        for head, layer in zip(manifest.heads, layers, strict=True)
    ]
    weights = weights_of(heads, shapes) if shapes else []
    for head, layer, own in zip(manifest.heads, layers, weights, strict=True):
        candidates = next(each for each in manifest.candidates if head.of in each.results)
        wanted = read_layer(memory, manifest.layer_of(candidates.tensor)).any(0)
        codes = read_layer(memory, layer)
        found[head.of] = head_sums(head, candidates, own, codes, layer.bits, wanted)
    return {output.name: found[output.name] for output in manifest.outputs}


def read_outputs(
    memory: np.ndarray, manifest: Manifest, floor: float | None = None, heads: bytes = b""
) -> dict[str, np.ndarray]:
    """Float64 [C, H, W] of every network output; see :func:`result_sums`."""
    return values_of(result_sums(memory, manifest, floor, heads), manifest)


def values_of(sums: Mapping[str, np.ndarray], manifest: Manifest) -> dict[str, np.ndarray]:
    """Float64 [C, H, W] of every network output: v * scale + bias."""
    return {
        output.name: sums[output.name] * np.array(output.scale)[:, None, None]
        + np.array(output.bias)[:, None, None]
        for output in manifest.outputs
    }
