"""Where and in what form a picture goes into memory."""

from typing import Annotated, Literal

from msgspec import Meta

from arch.formats import BLOCK, GROUP_LANES, PICTURE_BYTES, images_of
from host.stored.records import Address, Byte, Count, Natural, Record


class Picture(Record):
    """Where the picture goes: rows of pixels of four bytes, the first ``channels`` used.

    With ``block`` 2 it is a map of its blocks of 2 x 2 pixels (``golden.formats.blocks_of``), with
    a ``corner`` of the one beside it or none, in images of ``image_channels`` channels. With
    ``pairs`` it is a row of pixels for every two rows (``golden.formats.pairs_of``).
    """

    tensor: str
    address: Address
    row_bytes: Count
    channels: Annotated[int, Meta(ge=1, le=3)]
    height: Count
    width: Count
    #: Byte that surrounds the picture.
    pad: Byte
    #: What is stored for each byte of the picture; empty: the byte itself.
    table: tuple[Byte, ...] = ()
    block: Annotated[int, Meta(ge=1, le=BLOCK)] = 1
    corner: Annotated[tuple[Annotated[int, Meta(ge=0, lt=BLOCK)], ...], Meta(max_length=2)] = ()
    pairs: bool = False
    #: Of a map of blocks: channels and bytes of its images.
    image_channels: Literal[0, 8, 16] = 0
    image_bytes: Natural = 0
    #: Of a pixel, or of an image's channels of a block.
    position_bytes: Count = PICTURE_BYTES

    @property
    def block_channels(self) -> int:
        """Channels of a block."""
        return self.channels * (self.block**2 + bool(self.corner))

    @property
    def images(self) -> int:
        """Images of the map of blocks; 1 without."""
        return images_of(self.block_channels, self.image_channels or GROUP_LANES)

    @property
    def end(self) -> int:
        """The address behind its last row."""
        images = (self.images - 1) * self.image_bytes
        return self.address + images + self.stored_rows * self.row_bytes

    @property
    def stored_rows(self) -> int:
        """Rows in memory, of an image."""
        return self.height // self.block + self.pairs

    @property
    def stored_columns(self) -> int:
        """Positions of a row."""
        return self.width // self.block * (1 + self.pairs)

    @property
    def rows(self) -> list[tuple[int, int]]:
        """(address, bytes) of every row that a host writes."""
        size = self.stored_columns * self.position_bytes
        return [
            (self.address + image * self.image_bytes + row * self.row_bytes, size)
            for image in range(self.images)
            for row in range(self.stored_rows)
        ]


def wrong_in_picture(picture: Picture, memory_bytes: int) -> str:
    """What contradicts itself, or the size of memory; empty if nothing does."""
    if len(picture.table) not in (0, 256):
        return f"a table of {len(picture.table)} bytes"
    size, pixels = picture.position_bytes, f"{picture.height} x {picture.width} pixels"
    if len(picture.corner) == 1 or (picture.corner and picture.block == 1):
        return f"a corner {list(picture.corner)}"
    if picture.pairs and picture.block > 1:
        return "pairs of rows in blocks"
    if picture.block == 1:
        if (size, picture.image_channels, picture.image_bytes) != (PICTURE_BYTES, 0, 0):
            return f"{pixels} of {size} bytes"
    elif picture.height % picture.block or picture.width % picture.block:
        return f"{pixels} in blocks of {picture.block} x {picture.block}"
    elif not picture.image_channels or size % (picture.image_channels // 8):
        return f"blocks of {size} bytes"
    elif picture.image_bytes < picture.stored_rows * picture.row_bytes:
        return f"images of {picture.image_bytes} bytes"
    if picture.row_bytes % size or picture.row_bytes < picture.stored_columns * size:
        return f"rows of {picture.row_bytes} bytes for {picture.width}"
    if picture.end > memory_bytes:
        return "does not lie in memory"
    return ""
