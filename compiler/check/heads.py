"""Heads that the host computes: at the places that can be boxes their sums are the network's."""

from collections.abc import Mapping

import numpy as np

from compiler.errors import DifferenceError
from golden.network import Network
from host.boxes import boxes_of, is_detector
from host.manifest import Manifest
from host.memory import read_layer
from host.picture import Placement
from host.results import result_sums


def check_heads(
    network: Network,
    manifest: Manifest,
    results: Mapping[str, np.ndarray],
    memory: np.ndarray,
    heads: bytes,
    tail: bytes | None,
) -> None:
    """Compute the heads as the host does from what the programs have left in ``memory``.

    ``results``: of ``golden.execute.run``; ``heads``, ``tail``: of ``heads.bin`` and ``tail.onnx``.
    Raises :class:`DifferenceError` where a sum differs at a place that can be a box, where another
    place would be one, or where boxes of all sums are others.
    """
    found = result_sums(memory, manifest, manifest.confidence, heads)
    expected = {each.name: results[each.tensor] for each in network.outputs}
    names = manifest.head_names
    for each in manifest.candidates:
        wanted = read_layer(memory, manifest.layer_of(each.tensor)).any(0)
        for name in names.intersection(each.results):
            differing = int((found[name] != expected[name])[:, wanted].sum())
            if differing:
                raise DifferenceError(
                    f"result {name!r} of the host is not the network's: {differing} of "
                    f"{wanted.sum() * len(found[name])} sums differ where there can be boxes"
                )
        if each.of in names:
            levels, signs = (np.array(values)[:, None] for values in (each.level, each.sign))
            if (signs * found[each.of][list(each.channels)][:, ~wanted] >= levels).any():
                raise DifferenceError(f"result {each.of!r} of the host has boxes where none can be")
    if not is_detector(manifest):
        return
    size = manifest.picture
    placement = Placement(
        scale_x=1.0, scale_y=1.0, left=0, top=0, width=size.width, height=size.height
    )
    boxes, whole = (
        boxes_of(sums, manifest, placement, manifest.confidence, tail)
        for sums in (found, expected)
    )
    if not boxes.equal(whole):
        raise DifferenceError(
            f"{len(boxes)} boxes of the sums that the host computes are not the {len(whole)} of "
            f"all sums"
        )
