"""Pictures: codes, placement, and files that are none."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from host.picture import MARGIN, PictureError, load_picture


@pytest.fixture
def pixels(rng) -> np.ndarray:
    return rng.integers(256, size=(12, 20, 3)).astype(np.uint8)


@pytest.fixture
def path(tmp_path, pixels):
    file = tmp_path / "picture.png"
    Image.fromarray(pixels).save(file)
    return file


def test_a_picture_of_the_right_size_is_not_touched(path, pixels):
    frame = load_picture(path, height=12, width=20)
    assert frame.codes.dtype == np.uint8
    assert frame.codes.flags.c_contiguous
    np.testing.assert_array_equal(frame.codes, pixels.transpose(2, 0, 1))


def test_channel_order(path, pixels):
    frame = load_picture(path, height=12, width=20, colour="bgr")
    np.testing.assert_array_equal(frame.codes, pixels.transpose(2, 0, 1)[::-1])


def test_stretch_fills_the_input(path):
    frame = load_picture(path, height=24, width=10)
    assert frame.codes.shape == (3, 24, 10)
    np.testing.assert_allclose(frame.placement.to_picture([[0, 0, 10, 24], [5, 6, 5, 12]]),
                               [[0, 0, 20, 12], [10, 3, 10, 6]])  # fmt: skip


@pytest.mark.parametrize(("height", "width"), [(40, 40), (20, 60), (6, 6)])
def test_letterbox_keeps_proportions_and_centres(path, height, width):
    frame = load_picture(path, height=height, width=width, fit="letterbox")
    assert frame.codes.shape == (3, height, width)
    place = frame.placement
    assert place.scale_x == pytest.approx(place.scale_y, rel=0.1)
    inner = [place.left, place.top, place.left + 20 * place.scale_x, place.top + 12 * place.scale_y]
    np.testing.assert_allclose(place.to_picture([inner]), [[0, 0, 20, 12]])
    assert frame.codes[:, 0, 0].tolist() == list(MARGIN)


def test_boxes_are_cut_at_the_border(path):
    place = load_picture(path, height=12, width=20).placement
    np.testing.assert_array_equal(place.to_picture([[-5, -5, 99, 99]]), [[0, 0, 20, 12]])
    assert place.to_picture(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "1", "CMYK"])
def test_other_modes_become_rgb(tmp_path, pixels, mode):
    file = tmp_path / "picture.tiff"
    Image.fromarray(pixels).convert(mode).save(file)
    assert load_picture(file, height=12, width=20).codes.shape == (3, 12, 20)


def test_the_way_the_camera_was_held(tmp_path, pixels):
    turned = Image.Exif()
    turned[0x0112] = 6  # rotate by 90 degrees to see it upright
    file = tmp_path / "turned.png"
    Image.fromarray(pixels).save(file, exif=turned)
    frame = load_picture(file, height=20, width=12)
    np.testing.assert_array_equal(frame.codes, np.rot90(pixels, -1).transpose(2, 0, 1))


def test_files_that_are_no_picture(tmp_path, path):
    def message(file) -> str:
        with pytest.raises(PictureError) as caught:
            load_picture(file, height=4, width=4)
        return str(caught.value)

    assert message(tmp_path / "none.png").endswith("none.png: no such file")
    assert message(tmp_path).endswith("is a folder; name one picture")
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    assert "not a picture that Pillow can read" in message(text)
    short = tmp_path / "short.png"
    short.write_bytes(path.read_bytes()[:200])
    assert "damaged or unreadable" in message(short)
    deep = tmp_path / "deep.png"
    Image.fromarray(np.zeros((4, 4), np.uint16)).save(deep)
    assert "8 bits a channel, not Pillow's mode 'I;16'" in message(deep)


def test_a_picture_that_is_too_large(path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    with pytest.raises(PictureError, match="too large"):
        load_picture(path, height=4, width=4)


def test_a_large_picture_gives_one_message_and_no_warning(path, monkeypatch, recwarn):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    with pytest.raises(PictureError, match="too large, 20 x 12 pixels; supported are pictures of"):
        load_picture(path, height=4, width=4)
    assert not recwarn


@pytest.mark.parametrize("transparent", [0, b"\x00\x80"])
def test_palettes_with_transparency(tmp_path, pixels, transparent, recwarn):
    file = tmp_path / "picture.png"
    picture = Image.fromarray(pixels).convert("P")
    picture.save(file, transparency=transparent)
    frame = load_picture(file, height=12, width=20)
    expected = np.asarray(picture.convert("RGB")).transpose(2, 0, 1)
    np.testing.assert_array_equal(frame.codes, expected)
    assert not recwarn


def test_pipes_and_devices_are_not_opened(tmp_path):
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    link = tmp_path / "link.png"
    link.symlink_to("/dev/zero")
    for file in (pipe, link, Path("/dev/null")):
        with pytest.raises(PictureError, match="is a pipe or device, not a file"):
            load_picture(file, height=4, width=4)
    with pytest.raises(PictureError, match="File name too long"):
        load_picture(tmp_path / ("a" * 300), height=4, width=4)


def test_one_channel_is_luma(path, pixels):
    frame = load_picture(path, height=12, width=20, channels=1, colour="bgr")
    assert frame.codes.shape == (1, 12, 20)
    luma = pixels.astype(float) @ [0.299, 0.587, 0.114]
    np.testing.assert_allclose(frame.codes[0], luma, atol=0.51)
    assert (frame.image.mode, frame.image.size) == ("RGB", (20, 12))


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "P"])
def test_grey_pictures_keep_their_values(tmp_path, pixels, mode):
    grey = pixels[:, :, 0]
    file = tmp_path / "grey.png"
    Image.fromarray(grey).convert(mode).save(file)
    np.testing.assert_array_equal(
        load_picture(file, height=12, width=20, channels=1).codes, grey[None]
    )
    small = load_picture(file, height=6, width=40, channels=1, fit="letterbox")
    assert small.codes[0, :, 0].tolist() == [MARGIN[0]] * 6


def test_two_channels_are_grey_and_alpha(tmp_path, path, pixels):
    file = tmp_path / "grey.png"
    Image.fromarray(np.ascontiguousarray(pixels[:, :, :2]), "LA").save(file)
    frame = load_picture(file, height=12, width=20, channels=2)
    np.testing.assert_array_equal(frame.codes, pixels.transpose(2, 0, 1)[:2])
    # Grey is not weighted by alpha when the picture is resized.
    alone = tmp_path / "alone.png"
    Image.fromarray(pixels[:, :, 0]).save(alone)
    sizes = {"height": 5, "width": 9}
    np.testing.assert_array_equal(
        load_picture(file, channels=2, **sizes).codes[0],
        load_picture(alone, channels=1, **sizes).codes[0],
    )
    message = "takes pictures of 2 channels, and this one has R, G, B; give a picture of grey and"
    with pytest.raises(PictureError, match=message):
        load_picture(path, height=12, width=20, channels=2)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("last", [False, True])
def test_arrays_are_codes_in_the_order_of_the_network(tmp_path, rng, channels, last):
    array = rng.integers(256, size=(channels, 12, 20)).astype(np.uint8)
    file = tmp_path / "a.npy"
    np.save(file, array.transpose(1, 2, 0) if last else array)
    frame = load_picture(file, height=12, width=20, channels=channels, colour="bgr")
    np.testing.assert_array_equal(frame.codes, array)
    assert frame.image.size == (20, 12)
    assert load_picture(file, height=7, width=9, channels=channels).codes.shape[1:] == (7, 9)


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (np.zeros((3, 4, 4), np.uint8), r"has the shape \[3, 4, 4\]; the network takes arrays of"),
        (np.zeros((2, 4, 4), np.float32), "has elements of type float32"),
        (np.zeros((2, 0, 4), np.uint8), r"has the shape \[2, 0, 4\]"),
        (np.array([{}]), "not a NumPy array"),
    ],
)
def test_other_arrays(tmp_path, array, text):
    file = tmp_path / "a.npy"
    np.save(file, array, allow_pickle=True)
    with pytest.raises(PictureError, match=text):
        load_picture(file, height=4, width=4, channels=2)
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(PictureError, match="a.npy: not a NumPy array"):
        load_picture(file, height=4, width=4, channels=2)
