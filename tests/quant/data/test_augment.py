"""Augmentation: boxes stay on what they frame, whatever is done to the picture."""

import math

import pytest

pytest.importorskip("torch")

import torch

from quant.data.augment import (
    GREY,
    LEAST_SIZE,
    SETTINGS,
    Augmentation,
    augment,
    augmentation,
    colour_matrix,
    draw,
)
from quant.errors import TrainingError

HEIGHT, WIDTH = 96, 128
#: Far from each other and from the grey of margins, each in one channel.
COLOURS = torch.tensor([[255, 0, 0], [0, 255, 0], [0, 0, 255]], dtype=torch.uint8)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def rectangles(seed):
    """Sixteen black pictures with one rectangle of each colour, apart; label = colour."""
    dice = generator(seed)
    pixels = torch.zeros(16, 3, HEIGHT, WIDTH, dtype=torch.uint8)
    targets = []
    for picture in pixels:
        rows = []
        for label, colour in enumerate(COLOURS):
            w, h = (int(torch.randint(12, 38, (), generator=dice)) for _ in range(2))
            # Off the edge, so that they do not touch in a mosaic either.
            x = 3 + label * 42 + int(torch.randint(39 - w, (), generator=dice))
            y = 3 + int(torch.randint(HEIGHT - 6 - h, (), generator=dice))
            picture[:, y : y + h, x : x + w] = colour[:, None, None]
            rows.append([label, x + w / 2, y + h / 2, w, h])
        targets.append(torch.tensor(rows))
    return pixels, targets


def assert_boxes_frame_their_colour(picture, rows):
    """Every box has its colour to all four edges, within 1.5 pixels."""
    for label, cx, cy, w, h in rows.tolist():
        edges = [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2]
        assert min(edges) >= -1e-3
        assert max(edges[0::2]) <= WIDTH + 1e-3
        assert max(edges[1::2]) <= HEIGHT + 1e-3
        others = picture[[c for c in range(3) if c != label]].amax(0)
        mine = (picture[int(label)] > 127) & (others < 64)
        # The middle of the box is of its colour; so are its axes, from edge to edge.
        row = torch.nonzero(mine[int(cy), : math.ceil(edges[2] + 2)])[:, 0]
        row = row[row >= edges[0] - 2]
        column = torch.nonzero(mine[: math.ceil(edges[3] + 2), int(cx)])[:, 0]
        column = column[column >= edges[1] - 2]
        seen = [int(row.min()), int(column.min()), int(row.max()) + 1, int(column.max()) + 1]
        assert seen == pytest.approx(edges, abs=1.5)


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"flip_horizontal": 1},
        {"flip_vertical": 1},
        {"exchange": 1},
        {"scale": 0.5},
        {"translate": 0.5},
        {"mosaic": 1},
        {"mosaic": 1, "exchange": 0.5, "flip_vertical": 0.5, "flip_horizontal": 0.5, "scale": 0.6},
    ],
    ids=str,
)
def test_boxes_frame_what_they_framed(rectangles, setting, seed):
    pixels, targets = rectangles
    dice = draw(Augmentation(**setting), torch.arange(16), len(pixels), generator(seed))
    out, rows = augment(pixels, targets, dice)
    assert out.dtype == torch.uint8
    assert out.shape == pixels.shape
    assert len(rows) > 16
    for index, picture in enumerate(out):
        assert_boxes_frame_their_colour(picture, rows[rows[:, 0] == index, 1:])


def test_every_rectangle_that_shows_has_a_box(rectangles, seed):
    pixels, targets = rectangles
    setting = Augmentation(mosaic=0.5, scale=0.5, translate=0.2)
    out, rows = augment(pixels, targets, draw(setting, torch.arange(16), 16, generator(seed)))
    left = out.clone()
    for picture, _, cx, cy, w, h in rows.tolist():
        x0, y0 = max(int(cx - w / 2) - 2, 0), max(int(cy - h / 2) - 2, 0)
        left[int(picture), :, y0 : int(cy + h / 2) + 3, x0 : int(cx + w / 2) + 3] = 0
    # What a box does not cover was cut to less than a quarter: it touches the edge of the input.
    for picture in (left > 200).any(1):
        for y, x in torch.nonzero(picture).tolist():
            assert min(x, y, WIDTH - 1 - x, HEIGHT - 1 - y) < 38 * 1.5 / 2


def test_nothing_changes_nothing(rectangles, seed):
    pixels, targets = rectangles
    own = torch.tensor([5, 2, 2])
    out, rows = augment(pixels, targets, draw(SETTINGS["none"], own, 16, generator(seed)))
    assert torch.equal(out, pixels[own])
    for index, source in enumerate(own.tolist()):
        torch.testing.assert_close(rows[rows[:, 0] == index, 1:], targets[source])


def test_a_flip_is_a_flip(rectangles, seed):
    pixels, targets = rectangles
    dice = draw(Augmentation(flip_horizontal=1), torch.arange(4), 16, generator(seed))
    assert torch.equal(augment(pixels, targets, dice)[0], pixels[:4].flip(3))


def test_quarter_turns_of_square_pictures(seed):
    pixels = torch.randint(256, (1, 3, 20, 20), generator=generator(seed), dtype=torch.uint8)
    dice = draw(Augmentation(exchange=1), torch.tensor([0]), 1, generator(seed))
    assert torch.equal(augment(pixels, [torch.zeros(0, 5)], dice)[0], pixels.mT)


def test_outside_of_the_picture_is_grey(rectangles):
    pixels, targets = rectangles
    dice = draw(Augmentation(), torch.tensor([0]), 16, generator(1))
    dice.shift[:] = torch.tensor([0.5, 0.0])
    out, _ = augment(pixels, targets, dice)
    assert (out[0, :, :, : WIDTH // 2] == GREY).all()
    assert torch.equal(out[0, :, :, WIDTH // 2 :], pixels[0, :, :, : WIDTH // 2])


@pytest.mark.parametrize(("shift", "stay"), [(0.9, 1), (0.94, 1), (0.96, 0), (1.0, 0)])
def test_boxes_that_hardly_show_are_dropped(shift, stay):
    """The box is 40 of 200 pixels wide, at the left: a quarter shows at a shift of 0.95."""
    pixels = torch.zeros(1, 3, 60, 200, dtype=torch.uint8)
    targets = [torch.tensor([[0.0, 20, 30, 40, 40]])]
    dice = draw(Augmentation(), torch.tensor([0]), 1, generator(1))
    dice.shift[:] = torch.tensor([shift, 0.0])
    _, rows = augment(pixels, targets, dice)
    assert len(rows) == stay
    if stay:
        width = 200 - shift * 200
        torch.testing.assert_close(rows, torch.tensor([[0, 0, 200 - width / 2, 30, width, 40]]))


def test_boxes_of_a_pixel_are_dropped():
    pixels = torch.zeros(1, 3, 60, 60, dtype=torch.uint8)
    targets = [torch.tensor([[0.0, 20, 30, size, 40] for size in (LEAST_SIZE - 0.1, LEAST_SIZE)])]
    dice = draw(Augmentation(), torch.tensor([0]), 1, generator(1))
    assert len(augment(pixels, targets, dice)[1]) == 1


def test_colour_keeps_grey_and_turns_hues():
    third, one, zero = torch.tensor([2 * math.pi / 3]), torch.ones(1), torch.zeros(1)
    red, grey = torch.tensor([1.0, 0, 0]), torch.full((3,), 0.5)
    torch.testing.assert_close(colour_matrix(zero, one, one)[0] @ red, red)
    # A third of the circle makes green of red.
    torch.testing.assert_close(colour_matrix(third, one, one)[0] @ red, torch.tensor([0, 1.0, 0]))
    torch.testing.assert_close(colour_matrix(third, 2 * one, one)[0] @ grey, grey)
    torch.testing.assert_close(colour_matrix(zero, zero, one)[0] @ red, torch.full((3,), 1 / 3))
    torch.testing.assert_close(colour_matrix(zero, one, 0.5 * one)[0] @ grey, grey / 2)


def test_a_picture_is_part_of_its_mosaic(seed):
    dice = draw(Augmentation(mosaic=1), torch.arange(50), 1000, generator(seed))
    assert dice.mosaic.all()
    own = dice.four == torch.arange(50)[:, None]
    assert own.any(1).all()
    assert own.any(0).all(), "always at the same place"


def test_the_generator_decides(rectangles):
    pixels, targets = rectangles

    def run(seed):
        torch.manual_seed(seed + 7)  # the global generator must not matter
        dice = draw(SETTINGS["overhead"], torch.arange(16), 16, generator(seed))
        return augment(pixels, targets, dice)

    assert all(torch.equal(a, b) for a, b in zip(run(3), run(3), strict=True))
    assert not torch.equal(run(3)[0], run(4)[0])


def test_pictures_without_objects(rectangles, seed):
    pixels, _ = rectangles
    dice = draw(SETTINGS["upright"], torch.arange(16), 16, generator(seed))
    assert augment(pixels, [torch.zeros(0, 5)] * 16, dice)[1].shape == (0, 6)


@pytest.mark.parametrize(
    "device",
    [
        "meta",  # computes nothing, but refuses to mix devices
        pytest.param(
            "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
        ),
    ],
)
def test_works_where_the_pixels_are(rectangles, device, seed):
    pixels, targets = rectangles
    dice = draw(SETTINGS["overhead"], torch.arange(16), 16, generator(seed))
    out, rows = augment(pixels.to(device), targets, dice)
    assert out.device.type == rows.device.type == device
    if device != "meta":
        near = (out.cpu().int() - augment(pixels, targets, dice)[0].int()).abs() <= 1
        assert near.float().mean() > 0.999


@pytest.mark.parametrize(
    "wrong", [{"mosaic": 1.5}, {"scale": 1.0}, {"hue": -0.1}, {"value": math.nan}]
)
def test_strengths_out_of_range(wrong):
    with pytest.raises(TrainingError, match=f"{next(iter(wrong))} is .*; expected 0 to 1"):
        Augmentation(**wrong)


def test_names_of_settings():
    assert augmentation("fixed") is SETTINGS["fixed"]
    with pytest.raises(TrainingError, match="no augmentation 'all'; there are none, upright"):
        augmentation("all")
