"""Boxes on a picture, with names and scores."""

import colorsys
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from golden.detection import Detections

#: A small picture is enlarged by a whole number until its longer side is this long, to be readable.
LEAST_SIDE = 480
FONT_SIZE = 15
LINE_WIDTH = 3


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
    """A copy of ``image`` with the boxes of ``found``, given in its pixels, drawn on it."""
    factor = max(1, -(-LEAST_SIDE // max(image.size)))
    canvas = image.convert("RGB")
    if factor > 1:
        size = (image.width * factor, image.height * factor)
        canvas = canvas.resize(size, Image.Resampling.BICUBIC)
    elif canvas is image:
        canvas = image.copy()
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


def save_drawing(path: Path, image: Image.Image, found: Detections, classes: Sequence[str]) -> None:
    """Draw the boxes and save the picture as PNG at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draw_boxes(image, found, classes).save(path, format="PNG")
