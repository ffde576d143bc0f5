"""Memory formats of docs/machine.md section 2: codes, pictures and raw sums as bytes, and back.

``memory`` is a one-dimensional uint8 array; a byte's index is its address. Nothing outside a map's
own positions is touched: halo and the bytes between rows stay as they were.
"""

from dataclasses import dataclass

import numpy as np

from arch.formats import BLOCK, PICTURE_BYTES, PICTURE_CHANNELS, images_of


@dataclass(frozen=True, kw_only=True)
class MapFormat:
    """Where the positions of one map lie in memory.

    Position (y, x) of image i, of ``image_channels`` channels, lies at
    ``address + i * image_bytes + (origin + y * pitch + x) * position_bytes``.
    """

    #: Channels of an image: the machine's.
    image_channels: int
    #: Byte address of the first image, halo included.
    address: int
    #: Positions from one row's start to the next row's.
    pitch: int
    channels: int
    height: int
    width: int
    #: Bit-planes per position: 1, 2, 4 or 8; of raw sums 4 for each of their pieces.
    planes: int
    #: Positions from the image's start to position (0, 0).
    origin: int = 0
    #: Bytes from one image to the next.
    image_bytes: int = 0

    def __post_init__(self):
        if self.images > 1 and self.image_bytes < self.height * self.pitch * self.position_bytes:
            raise ValueError(
                f"image_bytes {self.image_bytes} is less than {self.height} rows of "
                f"{self.pitch} positions of {self.position_bytes} bytes"
            )

    @property
    def images(self) -> int:
        return images_of(self.channels, self.image_channels)

    @property
    def plane_bytes(self) -> int:
        return self.image_channels // 8

    @property
    def position_bytes(self) -> int:
        return self.plane_bytes * self.planes

    @property
    def end(self) -> int:
        """The byte address after the last position's."""
        last = self.origin + (self.height - 1) * self.pitch + self.width
        return self.address + (self.images - 1) * self.image_bytes + last * self.position_bytes

    def view(self, memory: np.ndarray) -> np.ndarray:
        """Return the map's bytes as a writable view [images, height, width, planes, bytes]."""
        start = self.address + self.origin * self.position_bytes
        if self.address < 0 or self.end > memory.size:
            raise ValueError(
                f"map at {self.address:#x}..{self.end:#x} does not lie in a memory of "
                f"{memory.size:#x} bytes"
            )
        size = self.position_bytes
        return np.lib.stride_tricks.as_strided(
            memory[start : self.end],
            (self.images, self.height, self.width, self.planes, self.plane_bytes),
            (self.image_bytes, self.pitch * size, size, self.plane_bytes, 1),
        )


def planes_of(codes: np.ndarray, planes: int) -> np.ndarray:
    """Split lanes into bit-planes: unsigned [lanes, ...] to uint8 [..., planes, lanes / 8].

    Lane k is bit k mod 8 of byte k / 8.
    """
    shifts = np.arange(planes, dtype=codes.dtype)
    bits = ((codes[..., None] >> shifts) & 1).astype(np.uint8)
    return np.moveaxis(np.packbits(bits, axis=0, bitorder="little"), 0, -1)


def codes_of(planes: np.ndarray) -> np.ndarray:
    """Undo :func:`planes_of`: uint8 [..., planes, bytes] to int64 [8 * bytes, ...]."""
    bits = np.unpackbits(planes, axis=-1, bitorder="little")
    weights = 1 << np.arange(planes.shape[-2], dtype=np.int64)
    return np.moveaxis(np.einsum("...pk,p->...k", bits, weights), -1, 0)


def pack_map(memory: np.ndarray, form: MapFormat, codes: np.ndarray) -> None:
    """Write codes or raw sums [channels, height, width] into ``memory``; unused lanes become 0."""
    if codes.shape != (form.channels, form.height, form.width):
        raise ValueError(
            f"codes have shape {codes.shape}, the map {(form.channels, form.height, form.width)}"
        )
    if codes.size and not 0 <= codes.min() <= codes.max() < 1 << form.planes:
        raise ValueError(f"codes {codes.min()}..{codes.max()} do not fit {form.planes} planes")
    lanes = np.zeros((form.images * form.image_channels, form.height, form.width), np.uint32)
    lanes[: form.channels] = codes
    for image, channels in zip(form.view(memory), np.split(lanes, form.images), strict=True):
        image[...] = planes_of(channels, form.planes)


def unpack_map(memory: np.ndarray, form: MapFormat) -> np.ndarray:
    """Read codes or raw sums int64 [channels, height, width] from ``memory``."""
    lanes = np.concatenate([codes_of(image) for image in form.view(memory)])
    return lanes[: form.channels]


Corner = tuple[int, ...]
"""Which pixel (y, x) of the block beside it a block has, too; (): none."""


def blocks_of(picture: np.ndarray, corner: Corner = (), pad: int = 0) -> np.ndarray:
    """The blocks of 2 x 2 pixels of a picture [channels, height, width], as a map of a quarter of
    its positions: channel c of pixel (y, x) of a block is channel (2 y + x) * channels + c.

    With a ``corner`` (y, x) channels 4 * channels + c are those of that pixel of the block to the
    left, if x is 1, or to the right, if it is 0; of ``pad`` outside of the picture. Height and
    width are even.
    """
    channels, height, width = picture.shape
    pixels = picture.reshape(channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    blocks = pixels.transpose(2, 4, 0, 1, 3)
    own = blocks.reshape(-1, height // BLOCK, width // BLOCK)
    if not corner:
        return own
    y, x = corner
    beside = np.pad(blocks[y, x], ((0, 0), (0, 0), (1, 1)), constant_values=pad)
    return np.concatenate([own, beside[..., :-2] if x else beside[..., 2:]])


def pairs_of(picture: np.ndarray, pad: int) -> np.ndarray:
    """Rows y - 1 and y of a picture [channels, height, width] as row y of one of [channels, height
    + 1, 2 * width], their pixels in turn; those above and below the picture are ``pad``."""
    rows = np.pad(picture, ((0, 0), (1, 1), (0, 0)), constant_values=pad)
    pairs = np.stack([rows[:, :-1], rows[:, 1:]], axis=-1)
    return pairs.reshape(len(picture), picture.shape[1] + 1, -1)


def pack_picture(memory: np.ndarray, address: int, pitch: int, codes: np.ndarray) -> None:
    """Write a picture uint8 [3, height, width], pixel (0, 0) at ``address``, pitch in pixels."""
    channels, height, width = codes.shape
    if channels > PICTURE_CHANNELS:
        raise ValueError(f"a picture has at most {PICTURE_CHANNELS} channels, not {channels}")
    end = address + ((height - 1) * pitch + width) * PICTURE_BYTES
    if end > memory.size:
        raise ValueError(
            f"picture at {address:#x}..{end:#x} does not lie in a memory of {memory.size:#x} bytes"
        )
    pixels = np.lib.stride_tricks.as_strided(
        memory[address:end],
        (height, width, PICTURE_BYTES),
        (pitch * PICTURE_BYTES, PICTURE_BYTES, 1),
    )
    pixels[..., :channels] = np.moveaxis(codes, 0, -1)
