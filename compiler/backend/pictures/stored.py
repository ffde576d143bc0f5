"""A picture's storage in each of its forms, and convolutions as each form takes them."""

from collections.abc import Sequence

from arch.formats import BLOCK
from arch.machine import Machine
from compiler.backend.pictures.blocks import on_blocks, shared_corner, stored_in_blocks
from compiler.backend.pictures.pairs import on_pairs, takes_pairs
from compiler.backend.storage import Storage
from golden.network import Convolution, Operator, Tensor


def picture_fields(
    tensor: Tensor, readers: Sequence[Operator], machine: Machine, *, pairs: bool, blocks: bool
) -> dict:
    """What a picture's storage has of its own, in ``blocks`` or ``pairs`` of rows if it may be and
    its readers take them."""
    if blocks and stored_in_blocks(tensor, readers, machine):
        corner = shared_corner(tensor, readers)
        return {
            "kind": "codes",
            "channels": tensor.channels * (BLOCK**2 + bool(corner)),
            "height": tensor.height // BLOCK,
            "width": tensor.width // BLOCK,
            "block": BLOCK,
            "corner": corner,
        }
    if pairs and takes_pairs(readers):
        size = {"height": tensor.height + 1, "width": 2 * tensor.width}
        return {"kind": "picture", "pairs": True, **size}
    return {"kind": "picture"}


def on_form(operator: Convolution, stored: Storage) -> Convolution:
    """The same convolution of what is stored: pairs of rows, or blocks."""
    return on_pairs(operator) if stored.pairs else on_blocks(operator, stored.corner)
