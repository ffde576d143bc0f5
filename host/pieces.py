"""A frame with pieces of the network that the host computes: program, piece, program, and so on.

Between two programs the host reads maps of memory, has onnxruntime compute one of the build's
``host*.onnx``, and writes codes back where the next program reads them (docs/dataflow.md).
"""

from collections.abc import Callable, Mapping

import numpy as np

from golden.formats import pack_map
from golden.network import Tensor
from golden.operators import codes_of
from host.manifest import Manifest, Piece, Read, Written
from host.memory import layer_format, read_layer
from host.tail import Tail, TailError


def run_frame(
    memory: np.ndarray,
    manifest: Manifest,
    models: Mapping[str, bytes],
    run: Callable[[int], None],
    between: Callable[[Piece, dict[str, np.ndarray]], None] = lambda _, __: None,
) -> None:
    """Run all programs on ``memory`` uint8 [bytes], which is changed.

    ``run`` runs the one at an address; ``models``: the files of the pieces by name; ``between`` is
    told of each piece and the codes that it has written, by tensor.
    """
    run(manifest.program_address)
    for piece in manifest.pieces:
        between(piece, run_piece(memory, manifest, piece, Tail(models[piece.file], piece.file)))
        run(piece.program_address)


def run_piece(
    memory: np.ndarray, manifest: Manifest, piece: Piece, tail: Tail
) -> dict[str, np.ndarray]:
    """Compute a piece in memory; the codes uint8 [C, H, W] of the tensors that it has written."""
    names = {read.name for read in piece.reads}, {each.name for each in piece.writes}
    if names != (set(tail.inputs), set(tail.outputs)):
        raise TailError(f"{piece.file}: is not what the manifest says, by its inputs or outputs")
    found = tail.run({read.name: values_of(memory, manifest, read) for read in piece.reads})
    written = {}
    for each in piece.writes:
        layer = each.layer
        try:
            codes = network_codes(found[each.name], each)
            stored = codes.astype(np.int64) * layer.multiplier + layer.shift
            pack_map(memory, layer_format(layer), stored)
        except ValueError as error:
            raise TailError(f"{piece.file}: result {each.name!r}: {error}") from None
        written[layer.tensor] = codes
    return written


def values_of(memory: np.ndarray, manifest: Manifest, read: Read) -> np.ndarray:
    """Float64 [C, H, W] of what the host reads."""
    parts = [
        read_layer(memory, manifest.layer_of(part.tensor))[part.first : part.stop]
        for part in read.parts
    ]
    values = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return values * np.array(read.scale)[:, None, None] + np.array(read.bias)[:, None, None]


def network_codes(values: np.ndarray, written: Written) -> np.ndarray:
    """Codes uint8 [C, H, W] of a piece's result [1, C, H, W]; ValueError where one has none."""
    layer = written.layer
    tensor = Tensor(
        name=layer.tensor, channels=layer.channels, height=layer.height, width=layer.width,
        bits=written.bits, scale=written.scale, step=written.step, offset=written.offset,
    )  # fmt: skip
    return codes_of(values.reshape(values.shape[values.ndim - 3 :]), tensor)


def crossing_bytes(manifest: Manifest, piece: Piece) -> tuple[int, int]:
    """Bytes of memory that the host reads and writes for a piece."""
    tensors = dict.fromkeys(part.tensor for read in piece.reads for part in read.parts)
    reads = [layer_format(manifest.layer_of(tensor)) for tensor in tensors]
    writes = [layer_format(each.layer) for each in piece.writes]
    return tuple(sum(form.end - form.address for form in forms) for forms in (reads, writes))
