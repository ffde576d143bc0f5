"""Pictures in: from a file to the network's input codes, and boxes back to the picture.

What the channels of the codes are:

* 3: red, green, blue, or the other way round;
* 1: luma, ITU-R 601 (0.299 R + 0.587 G + 0.114 B, rounded), Pillow's mode L;
* 2: grey and alpha of a picture that has just these two;
* any number: the arrays [channels, height, width] or [height, width, channels] of a ``.npy`` file
  of bytes, which stand in the network's own order.
"""

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from arch.errors import OnefourError
from host.picture_depth import known_formats, too_deep
from host.quiet import no_warnings

GREY = 114
MARGIN = (GREY, GREY, GREY)
"""The grey beside a letterboxed picture (that of YOLOv5's training)."""
ARRAY_MAGIC = b"\x93NUMPY"


class PictureError(OnefourError):
    """A file that is missing or is no picture that can be used."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """Where a picture lies in the network's input: input = picture * scale + margin."""

    #: Size of the picture in pixels.
    width: int
    height: int
    scale_x: float
    scale_y: float
    left: int = 0
    top: int = 0

    def to_picture(self, boxes: np.ndarray) -> np.ndarray:
        """Boxes [n, 4] x0 y0 x1 y1 of the input, in the picture's pixels and inside of it."""
        margin = [self.left, self.top] * 2
        scaled = (np.asarray(boxes, np.float64).reshape(-1, 4) - margin) / (
            [self.scale_x, self.scale_y] * 2
        )
        return np.clip(scaled, 0, [self.width, self.height] * 2)


@dataclass(frozen=True, kw_only=True, eq=False)
class Frame:
    """A picture, ready for the network.

    ``codes`` uint8 [channels, height, width]; ``image`` is the picture itself, in RGB and its own
    size.
    """

    codes: np.ndarray
    image: Image.Image
    placement: Placement


def open_picture(path: Path) -> Image.Image:
    """Open a picture in RGB, turned the way its camera was held; raises :class:`PictureError`."""
    return _open(Path(path)).convert("RGB")


def _check_file(path: Path) -> None:
    """Refuse what is no ordinary file: opening a pipe waits for ever, a device may never end."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{path}: cannot be read ({reason})") from None
    if stat.S_ISDIR(mode):
        raise PictureError(f"{path}: is a folder; name one picture")
    if not stat.S_ISREG(mode):
        raise PictureError(f"{path}: is a pipe or device, not a file; name one picture")


def _check_size(path: Path, width: int, height: int) -> None:
    most = Image.MAX_IMAGE_PIXELS
    if most is not None and width * height > most:
        raise PictureError(
            f"{path}: too large, {width} x {height} pixels; supported are pictures of at most "
            f"{most / 1e6:.3g} million pixels; make it smaller first"
        )


def _open(path: Path) -> Image.Image:
    """The picture in a mode of 8 bits a channel, turned the way its camera was held."""
    _check_file(path)
    try:
        # Pillow warns of large pictures (see _check_size), odd metadata and palettes.
        with no_warnings(), Image.open(path, formats=known_formats()) as image:
            _check_size(path, *image.size)
            deep = too_deep(image, path)
            if deep:
                raise PictureError(
                    f"{path}: pixels must have 8 bits a channel, not {deep}; convert the "
                    f"picture first"
                )
            image.load()
            return _plain(ImageOps.exif_transpose(image))
    except (PictureError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise PictureError(
            f"{path}: not a picture that Pillow can read as {', '.join(known_formats())}"
        ) from None
    except Image.DecompressionBombError as error:
        raise PictureError(f"{path}: too large ({error})") from None
    except Exception as error:  # Pillow's decoders raise whatever a corrupt file leads them to
        raise PictureError(f"{path}: damaged or unreadable ({error})") from None


def _plain(image: Image.Image) -> Image.Image:
    """Without a palette: RGB, RGBA, L or LA as the file has them, and RGB for other colours."""
    if image.mode in ("L", "LA", "RGB", "RGBA"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in ("P", "PA", "La", "RGBa"):
        # Straight to RGB, Pillow mixes up transparent entries of a palette with grey ones.
        return image.convert("LA" if image.mode == "La" else "RGBA")
    return image.convert("RGB")


def place(image: Image.Image, *, height: int, width: int, fit: str = "stretch") -> tuple:
    """Resize an RGB or grey picture to the network's input size.

    ``stretch`` fills the input; ``letterbox`` keeps the proportions and fills up with grey. Returns
    the resized picture and its :class:`Placement`.
    """
    if fit == "letterbox":
        scale = min(width / image.width, height / image.height)
        size = (max(round(image.width * scale), 1), max(round(image.height * scale), 1))
    else:
        size = (width, height)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    resized = image if image.size == size else image.resize(size, Image.Resampling.BILINEAR)
    if size != (width, height):
        canvas = Image.new(image.mode, (width, height), MARGIN if image.mode == "RGB" else GREY)
        canvas.paste(resized, (left, top))
        resized = canvas
    return resized, Placement(
        width=image.width,
        height=image.height,
        scale_x=size[0] / image.width,
        scale_y=size[1] / image.height,
        left=left,
        top=top,
    )


def load_picture(
    path: Path,
    *,
    height: int,
    width: int,
    channels: int = 3,
    colour: str = "rgb",
    fit: str = "stretch",
) -> Frame:
    """Read a picture as the input codes of a network of ``height`` x ``width`` pixels.

    ``channels`` are the network's, see above; ``colour`` is the order of three, ``rgb`` or ``bgr``;
    ``fit`` is ``stretch`` or ``letterbox``. Raises :class:`PictureError`.
    """
    path = Path(path)
    _check_file(path)
    with _opened(path) as stream:
        is_array = stream.read(len(ARRAY_MAGIC)) == ARRAY_MAGIC
    if is_array:
        bands = _array(path, channels)
        shown = _shown(bands, colour)
    else:
        image = _open(path)
        shown = image.convert("RGB")
        bands = _bands(path, image, shown, channels)
    placed = [place(band, height=height, width=width, fit=fit) for band in bands]
    parts = [np.asarray(resized, np.uint8).reshape(height, width, -1) for resized, _ in placed]
    codes = np.concatenate(parts, axis=2).transpose(2, 0, 1)
    if colour == "bgr" and channels == 3 and not is_array:
        codes = codes[::-1]
    return Frame(codes=np.ascontiguousarray(codes), image=shown, placement=placed[0][1])


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise PictureError(f"{path}: cannot be read ({error.strerror})") from None


def _bands(
    path: Path, image: Image.Image, shown: Image.Image, channels: int
) -> list[Image.Image]:
    """The channels of a picture, and of its RGB form ``shown``, for a network of so many.

    Pictures of mode RGB or L, whose channels do not mix when they are resized (alpha's would).
    """
    if channels == 3:
        return [shown]
    if channels == 1:
        return [shown.convert("L")]
    if channels == 2 and image.mode == "LA":
        return list(image.split())
    needed = "a picture of grey and alpha, or " if channels == 2 else ""
    raise PictureError(
        f"{path}: the network takes pictures of {channels} channels, and this one has "
        f"{', '.join(image.getbands())}; give {needed}an array of bytes "
        f"[{channels}, height, width] as a .npy file"
    )


def _array(path: Path, channels: int) -> list[Image.Image]:
    """The channels of an array file, each a picture of mode L."""
    try:
        found = np.load(path, mmap_mode="r", allow_pickle=False)
    except MemoryError:
        raise
    except Exception as error:  # NumPy's reader, too, raises whatever it meets
        raise PictureError(f"{path}: not a NumPy array ({error})") from None
    needed = (
        f"the network takes arrays of bytes (uint8) [{channels}, height, width] or "
        f"[height, width, {channels}]"
    )
    if found.dtype != np.uint8:
        raise PictureError(f"{path}: has elements of type {found.dtype}; {needed}")
    shape = found.shape
    if found.ndim == 2 and channels == 1:
        found = found[None]
    elif found.ndim == 3 and shape[0] != channels and shape[2] == channels:
        found = found.transpose(2, 0, 1)
    if found.ndim != 3 or found.shape[0] != channels or 0 in found.shape:
        raise PictureError(f"{path}: has the shape {list(shape)}; {needed}")
    _check_size(path, found.shape[2], found.shape[1])
    return [Image.fromarray(np.ascontiguousarray(channel)) for channel in found]


def _shown(bands: list[Image.Image], colour: str) -> Image.Image:
    """What is drawn on: the colours of three channels, else the first one in grey."""
    if len(bands) != 3:
        return bands[0].convert("RGB")
    return Image.merge("RGB", bands[::-1] if colour == "bgr" else bands)
