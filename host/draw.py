"""Boxes and masks on a picture, with names and scores."""

import colorsys
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from arch.errors import OnefourError
from arch.files import check_target, write_whole
from host.detection import Detections

#: A small picture is enlarged by a whole number until its longer side is this long, to be readable.
LEAST_SIDE = 480
FONT_SIZE = 15
LINE_WIDTH = 3
MASK_OPACITY = 112
"""Of 255."""


class DrawingError(OnefourError):
    """A file name under which a drawing cannot be kept."""


def class_colour(label: int) -> tuple[int, int, int]:
    """A colour for a class: neighbours in number are far apart in hue."""
    red, green, blue = colorsys.hsv_to_rgb(label * 0.618034 % 1.0, 0.85, 1.0)
    return round(red * 255), round(green * 255), round(blue * 255)


def describe(found: Detections, classes: Sequence[str]) -> list[str]:
    """One line of text for each detection."""
    lines = []
    for box, score, label in zip(found.boxes, found.scores, found.labels, strict=True):
        corners = " ".join(f"{value:6.1f}" for value in box)
        lines.append(f"{class_name(classes, int(label)):<12} {score:.2f}   {corners}")
    return lines


def class_name(classes: Sequence[str], label: int) -> str:
    return classes[label] if label < len(classes) else f"class {label}"


def draw_boxes(image: Image.Image, found: Detections, classes: Sequence[str]) -> Image.Image:
    """A copy of ``image`` with boxes and masks of ``found``, given in its pixels, drawn on it."""
    factor = _factor(image)
    canvas = image.convert("RGB")
    if factor > 1:
        canvas = canvas.resize(drawn_size(image), Image.Resampling.BICUBIC)
    elif canvas is image:
        canvas = image.copy()
    if found.masks is not None:
        canvas = _with_masks(canvas, found)
    pen = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_SIZE)
    # Weak detections first, so that the strong ones are on top.
    for index in reversed(range(len(found))):
        label = int(found.labels[index])
        colour = class_colour(label)
        x0, y0, x1, y1 = (float(value) * factor for value in found.boxes[index])
        pen.rectangle((x0, y0, max(x0, x1), max(y0, y1)), outline=colour, width=LINE_WIDTH)
        text = f"{class_name(classes, label)} {found.scores[index]:.2f}"
        left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
        high, wide = bottom - top + 4, right - left + 6
        # The label stands above its box, or inside of it at the upper edge.
        y = y0 - high if y0 >= high else y0
        x = min(max(x0, 0.0), max(canvas.width - wide, 0))
        pen.rectangle((x, y, x + wide, y + high), fill=colour)
        pen.text((x + 3 - left, y + 2 - top), text, fill=(0, 0, 0), font=font)
    return canvas


def _with_masks(canvas: Image.Image, found: Detections) -> Image.Image:
    """The masks as veils in the colours of their classes, the best on top."""
    for index in reversed(range(len(found))):
        veil = Image.fromarray(found.masks[index].astype(np.uint8) * MASK_OPACITY)
        veil = veil.resize(canvas.size, Image.Resampling.NEAREST)
        canvas.paste(class_colour(int(found.labels[index])), (0, 0), veil)
    return canvas


def check_drawing(path: Path, size: tuple[int, int] = (1, 1)) -> None:
    """Raise :class:`DrawingError` or ``FileError`` unless a picture of ``size`` can be kept there.

    To be called before long work: the folder is made, the name's ending must be that of a format
    which Pillow writes, and one of so large pictures.
    """
    check_target(path)
    kind = _format(path)
    for sides in ((size[0], 1), (1, size[1])):
        try:
            Image.new("RGB", sides).save(io.BytesIO(), format=kind)
        except Exception as error:  # each format has its own way to say no
            raise DrawingError(
                f"{path}: pictures of {size[0]} x {size[1]} cannot be kept as {kind} ({error}); "
                "name a .png file"
            ) from None


def _format(path: Path) -> str:
    kind = Image.registered_extensions().get(path.suffix.lower())
    if kind not in Image.SAVE:
        known = path.suffix or "no ending"
        raise DrawingError(
            f"{path}: pictures are not written as files with {known!r}; name a .png or .jpg file"
        )
    return kind


def save_drawing(path: Path, image: Image.Image, found: Detections, classes: Sequence[str]) -> None:
    """Draw the boxes and keep the picture in the format that the name's ending stands for."""
    kept = io.BytesIO()
    draw_boxes(image, found, classes).save(kept, format=_format(path))
    write_whole(path, kept.getvalue())


def drawn_size(image: Image.Image) -> tuple[int, int]:
    """Width and height of what :func:`draw_boxes` gives."""
    factor = _factor(image)
    return image.width * factor, image.height * factor


def _factor(image: Image.Image) -> int:
    return max(1, -(-LEAST_SIDE // max(image.size)))
