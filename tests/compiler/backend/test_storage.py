import pytest

from arch.machine import ECP5_25F, ECP5_85F
from compiler.backend.storage import Place, Storage, lay_out

MACHINES = {8: ECP5_25F, 16: ECP5_85F}


def make(address=1024, beat=8, **changes):
    fields = {
        "name": "x",
        "tensor": "x",
        "kind": "codes",
        "channels": 20,
        "height": 6,
        "width": 10,
        "bits": 4,
        "top": 1,
        "bottom": 1,
        "left": 1,
    }
    return Place(lay_out(Storage(**(fields | changes)), MACHINES[beat]), address)


@pytest.mark.parametrize("beat", MACHINES)
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_rows_start_on_beats_and_halo_lies_inside(bits, beat):
    place = make(beat=beat, bits=bits)
    storage = place.storage
    assert place.layout.images == (3 if beat == 8 else 2)
    assert place.layout.row_bytes % beat == 0
    assert place.position(0, -storage.top, -storage.left) == place.address
    y, x = storage.height - 1 + storage.bottom, storage.width - 1 + storage.left
    last = place.position(place.layout.images - 1, y, x)
    assert last + place.layout.position_bytes <= place.address + place.layout.size


def test_right_halo_is_the_next_rows_left_halo():
    place = make(bits=4)
    assert place.position(0, 2, place.storage.width) <= place.position(0, 3, -1)


@pytest.mark.parametrize("beat", MACHINES)
@pytest.mark.parametrize("pieces", range(1, 7))
def test_a_raw_sum_takes_its_pieces_of_four_planes(beat, pieces):
    for width in (9, 10):
        layout = make(beat=beat, kind="raw", pieces=pieces, left=0, width=width).layout
        assert layout.position_bytes == MACHINES[beat].rows // 2 * pieces
        assert layout.row_bytes % beat == 0
        assert 0 <= layout.pitch - width < 2


def test_pad_code_fills_only_lanes_that_exist():
    (_, _, first), (_, _, second) = make(beat=16, pad_code=5).fills()
    assert first == b"\xff\xff\x00\x00\xff\xff\x00\x00"
    assert second == b"\x0f\x00\x00\x00\x0f\x00\x00\x00"
    _, (_, _, second), (_, _, third) = make(pad_code=5).fills()
    assert second == b"\xff\x00\xff\x00"
    assert third == b"\x0f\x00\x0f\x00"
    assert make().fills() == []


def test_images_go_to_halves_of_the_lanes_and_the_last_one_alone_to_both():
    halved, whole = make().layout, make(beat=16).layout
    assert [list(halved.parts(word)) for word in range(2)] == [[(0, 1), (1, 2)], [(2, 3)]]
    assert [list(whole.parts(word)) for word in range(2)] == [[(0, 3)], [(1, 3)]]


def test_pad_code_of_a_picture_fills_its_channels():
    ((address, size, pixel),) = make(kind="picture", channels=2, bits=8, pad_code=7).fills()
    assert (address, size % 64, pixel) == (1024, 0, bytes([7, 7, 0, 0]))
