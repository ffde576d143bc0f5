"""Pictures in: from a file to the network's input codes, and boxes back to the picture."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from arch.errors import OnefourError

#: The grey beside a letterboxed picture (that of YOLOv5's training).
MARGIN = (114, 114, 114)
EIGHT_BIT_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr")


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

    ``codes`` uint8 [3, height, width]; ``image`` is the picture itself, in RGB and its own size.
    """

    codes: np.ndarray
    image: Image.Image
    placement: Placement


def open_picture(path: Path) -> Image.Image:
    """Open a picture in RGB, turned the way its camera was held; raises :class:`PictureError`."""
    try:
        with Image.open(path) as image:
            image.load()
            if image.mode not in EIGHT_BIT_MODES:
                raise PictureError(
                    f"{path}: pixels must have 8 bits a channel, not Pillow's mode {image.mode!r}; "
                    f"convert the picture first"
                )
            return ImageOps.exif_transpose(image).convert("RGB")
    except FileNotFoundError:
        raise PictureError(f"{path}: no such file") from None
    except IsADirectoryError:
        raise PictureError(f"{path}: is a folder; name one picture") from None
    except UnidentifiedImageError:
        raise PictureError(f"{path}: not a picture that Pillow can read (JPEG, PNG, ...)") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{path}: too large ({error})") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        # What Pillow's decoders raise for files that are cut short or corrupt.
        raise PictureError(f"{path}: damaged or unreadable ({error})") from None


def place(image: Image.Image, *, height: int, width: int, fit: str = "stretch") -> tuple:
    """Resize an RGB picture to the network's input size.

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
        canvas = Image.new("RGB", (width, height), MARGIN)
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
    path: Path, *, height: int, width: int, colour: str = "rgb", fit: str = "stretch"
) -> Frame:
    """Read a picture as the input codes of a network of ``height`` x ``width`` pixels.

    ``colour`` is the order of the network's input channels, ``rgb`` or ``bgr``; ``fit`` is
    ``stretch`` or ``letterbox``. Raises :class:`PictureError`.
    """
    image = open_picture(Path(path))
    resized, placement = place(image, height=height, width=width, fit=fit)
    codes = np.asarray(resized, np.uint8).transpose(2, 0, 1)
    if colour == "bgr":
        codes = codes[::-1]
    return Frame(codes=np.ascontiguousarray(codes), image=image, placement=placement)
