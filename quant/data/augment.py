"""Other pictures from the ones there are: mosaics, scales, shifts, flips and colours.

Geometry is one map for each picture, from a canvas to the input: the canvas is the picture itself
or a mosaic, two by two pictures. ``draw`` throws all the dice, for a whole batch and on the CPU;
``augment`` then computes any part of that batch, wherever the pixels are:

    input = size / 2 + shift + turn * (canvas - canvas size / 2)

with ``turn`` a scale times a signed permutation of the axes, so that boxes stay boxes.
"""

import math
from dataclasses import dataclass, fields

import torch
from torch import Tensor
from torch.nn import functional as F

from host.picture import MARGIN
from quant.errors import TrainingError

#: A box stays where at least this share of its area is inside, and this many pixels each way.
LEAST_SHARE = 0.25
LEAST_SIZE = 2.0
#: The pictures of a mosaic meet within this share of the input's size from its middle.
MEETING = 0.25
#: Pictures computed at a time, by default: more fall out of the processor's cache.
CHUNK = 4
GREY = float(MARGIN[0])


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How much of each. Chances and strengths are 0 (never, none) to 1; ``scale`` is below 1."""

    #: Chances.
    mosaic: float = 0.0
    flip_horizontal: float = 0.0
    flip_vertical: float = 0.0
    #: x and y exchanged: with both flips at 0.5, all eight ways to lay a picture down.
    exchange: float = 0.0
    #: Size times 1 - scale to 1 + scale; shift by up to this share of the input's size.
    scale: float = 0.0
    translate: float = 0.0
    #: Hue by up to this share of the circle either way; others times 1 - gain to 1 + gain.
    hue: float = 0.0
    saturation: float = 0.0
    value: float = 0.0

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1 or (field.name == "scale" and value == 1):
                raise TrainingError(
                    f"augmentation: {field.name} is {value}; expected 0 to 1 (scale: below 1)"
                )


_COMMON = {"mosaic": 0.5, "scale": 0.5, "translate": 0.1, "flip_horizontal": 0.5}
_COLOUR = {"hue": 0.015, "saturation": 0.5, "value": 0.4}
#: upright: photographs; overhead: no up (microscopes, boards, aerial); grey: overhead, one colour;
#: fixed: overhead from a fixed distance. Sizes stay as they are and there are no mosaics: a
#: network of few bits has none to spare for pictures that it will never see.
SETTINGS = {
    "none": Augmentation(),
    "upright": Augmentation(**_COMMON, **_COLOUR),
    "overhead": Augmentation(**_COMMON, **_COLOUR, flip_vertical=0.5, exchange=0.5),
    "grey": Augmentation(**_COMMON, value=0.4, flip_vertical=0.5, exchange=0.5),
    "fixed": Augmentation(
        flip_horizontal=0.5, flip_vertical=0.5, exchange=0.5, translate=0.1, scale=0.1, **_COLOUR
    ),
}


def augmentation(name: str) -> Augmentation:
    """The setting ``name``; :class:`TrainingError` where there is none."""
    if name not in SETTINGS:
        raise TrainingError(f"no augmentation {name!r}; there are {', '.join(SETTINGS)}")
    return SETTINGS[name]


@dataclass(frozen=True, kw_only=True, eq=False)
class Draw:
    """What the dice said for n pictures, on the CPU.

    ``own`` int64 [n] and ``four`` int64 [n, 4] (own among them; left to right, then down): which
    pictures; ``mosaic`` bool [n]; ``turn`` [n, 2, 2]; ``shift`` [n, 2] as shares of the input's
    size; ``colour`` [n, 3, 3] applied to RGB.
    """

    own: Tensor
    four: Tensor
    mosaic: Tensor
    turn: Tensor
    shift: Tensor
    colour: Tensor

    def take(self, rows: Tensor | slice) -> "Draw":
        """The same for some of the pictures."""
        return Draw(**{f.name: getattr(self, f.name)[rows] for f in fields(self)})


def draw(setting: Augmentation, own: Tensor, total: int, generator: torch.Generator) -> Draw:
    """Throw the dice for the pictures ``own`` int64 [n], out of ``total``."""
    n = len(own)
    four = torch.randint(total, (n, 4), generator=generator)
    four.scatter_(1, torch.randint(4, (n, 1), generator=generator), own[:, None])
    # One column for each kind of chance: a setting that is 0 leaves the others as they were.
    chance = torch.rand((n, 12), generator=generator)
    either = 2 * chance - 1
    mosaic = chance[:, 0] < setting.mosaic
    flips = torch.tensor([setting.flip_horizontal, setting.flip_vertical])
    signs = torch.where(chance[:, 1:3] < flips, -1.0, 1.0)
    turn = torch.diag_embed(signs)
    turn = torch.where((chance[:, 3] < setting.exchange)[:, None, None], turn.flip(2), turn)
    shift = setting.translate * either[:, 5:7] + MEETING * either[:, 7:9] * mosaic[:, None]
    return Draw(
        own=own,
        four=four,
        mosaic=mosaic,
        turn=turn * (1 + setting.scale * either[:, 4])[:, None, None],
        shift=shift,
        colour=colour_matrix(
            2 * math.pi * setting.hue * either[:, 9],
            1 + setting.saturation * either[:, 10],
            1 + setting.value * either[:, 11],
        ),
    )


def colour_matrix(angle: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """Matrices [n, 3, 3] for RGB: turn about the grey axis, stretch away from it, scale all.

    The turn is Rodrigues' formula for the axis (1, 1, 1) / sqrt 3.
    """
    grey = torch.full((3, 3), 1 / 3)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / math.sqrt(3)
    angle, saturation, value = (x[:, None, None] for x in (angle, saturation, value))
    turned = angle.cos() * (torch.eye(3) - grey) + angle.sin() * cross
    return value * (grey + saturation * turned)


def augment(
    pixels: Tensor, targets: list[Tensor], draw: Draw, chunk: int = CHUNK
) -> tuple[Tensor, Tensor]:
    """The pictures that ``draw`` describes, of all ``pixels`` uint8 [total, 3, h, w] (any device)
    and ``targets`` (CPU; each [k, 5]: label, centre x y, width, height in pixels). ``chunk`` of
    them are computed at a time, which changes nothing but the time.

    Returns uint8 [n, 3, h, w] and, on the same device, float32 [m, 6]: picture 0 to n - 1, then as
    in ``targets``.
    """
    out = pixels.new_empty((len(draw.own), *pixels.shape[1:]))
    for mosaic in (False, True):
        group = torch.nonzero(draw.mosaic == mosaic)[:, 0]
        for rows in group.split(chunk) if len(group) else ():
            part = draw.take(rows)
            sources = part.four if mosaic else part.own[:, None]
            out[rows.to(pixels.device)] = _view(pixels, sources, part)
    return out, _boxes(targets, draw, *pixels.shape[2:]).to(pixels.device)


def _view(pixels: Tensor, sources: Tensor, draw: Draw) -> Tensor:
    """Pixels uint8 [n, 3, h, w] from ``sources`` [n, 1] or, for mosaics, [n, 4]."""
    h, w = pixels.shape[2:]
    side = 2 if sources.shape[1] == 4 else 1
    n, device = len(sources), pixels.device
    canvas = torch.empty((n, 3, side * h, side * w), device=device)
    for at, chosen in enumerate(sources.to(device).T):
        y, x = at // 2 * h, at % 2 * w
        canvas[:, :, y : y + h, x : x + w] = pixels[chosen]
    # grid_sample takes what is outside as 0: let that be the grey of letterboxes.
    canvas -= GREY
    # From the input to the canvas, both counted from -1 to 1 between their outer edges.
    back = draw.turn.inverse() / side
    half = torch.tensor([w / 2, h / 2])
    affine = back * half / half[:, None]
    moved = affine @ (2 * draw.shift)[:, :, None]
    theta = torch.cat([affine, -moved], 2).to(device)
    grid = F.affine_grid(theta, [n, 3, h, w], align_corners=False)
    seen = F.grid_sample(canvas, grid, align_corners=False)
    colour = draw.colour.to(device)
    grey = GREY * colour.sum(2, keepdim=True)
    coloured = torch.baddbmm(grey, colour, seen.flatten(2)).view_as(seen)
    return coloured.round_().clamp_(0, 255).byte()


def _boxes(targets: list[Tensor], draw: Draw, height: int, width: int) -> Tensor:
    """Rows [m, 6] of all pictures, clipped to the input; those that hardly show are dropped."""
    size = torch.tensor([width, height])
    rows, offsets, counts = [], [], []
    for own, four, mosaic in zip(
        draw.own.tolist(), draw.four.tolist(), draw.mosaic.tolist(), strict=True
    ):
        # Where the sources' corners lie, counted from the middle of the canvas.
        places = ((-1.0, -1.0), (0.0, -1.0), (-1.0, 0.0), (0.0, 0.0)) if mosaic else ((-0.5, -0.5),)
        sources = four if mosaic else (own,)
        rows += [targets[source] for source in sources]
        offsets += places
        counts += [len(sources)]
    lengths = torch.tensor([len(each) for each in rows])
    rows = torch.cat(rows)
    offset = (torch.tensor(offsets) * size).repeat_interleave(lengths, 0)
    picture = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    picture = picture.repeat_interleave(lengths)

    turn = draw.turn[picture]
    middle = turn @ (rows[:, 1:3] + offset)[:, :, None]
    middle = middle[:, :, 0] + size / 2 + draw.shift[picture] * size
    reach = (turn.abs() @ rows[:, 3:, None])[:, :, 0] / 2
    low = torch.minimum((middle - reach).clamp(min=0), size)
    high = torch.minimum((middle + reach).clamp(min=0), size)
    inside = high - low
    kept = inside.prod(1) >= LEAST_SHARE * (2 * reach).prod(1)
    kept &= (inside >= LEAST_SIZE).all(1)
    found = [picture[:, None].float(), rows[:, :1], (low + high) / 2, inside]
    return torch.cat(found, 1)[kept]
