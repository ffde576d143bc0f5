import pytest

from compiler.backend.storage import Storage
from compiler.errors import CapacityError


def make(**changes):
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
    return Storage(**(fields | changes))


@pytest.mark.parametrize(("bits", "planes"), [(1, 1), (2, 2), (3, 4), (4, 4)])
def test_planes(bits, planes):
    assert make(bits=bits).planes == planes


@pytest.mark.parametrize("beat", [8, 16])
@pytest.mark.parametrize("bits", [1, 2, 3, 4])
def test_rows_start_on_beats_and_halo_lies_inside(bits, beat):
    storage = make(bits=bits)
    end = storage.place(beat, 1000)
    assert storage.address % 64 == 0
    assert storage.row_bytes % beat == 0
    first = storage.position(0, -storage.top, -storage.left)
    assert first == storage.address
    last = storage.position(
        storage.images - 1, storage.height - 1 + storage.bottom, storage.width - 1 + storage.left
    )
    assert last + storage.position_bytes <= end


def test_right_halo_is_the_next_rows_left_halo():
    storage = make(bits=4)
    storage.place(8, 0)
    assert storage.position(0, 2, storage.width) <= storage.position(0, 3, -1)


def test_pad_code_fills_only_lanes_that_exist():
    storage = make(pad_code=5)
    storage.place(8, 0)
    (_, _, first), (_, _, second) = storage.fill()
    assert first == b"\xff\xff\x00\x00\xff\xff\x00\x00"
    assert second == b"\x0f\x00\x00\x00\x0f\x00\x00\x00"
    assert make().fill() == []


def test_addresses_have_32_bits():
    with pytest.raises(CapacityError, match="tensor 'x': .*less than 4294967296"):
        make(channels=64, height=1 << 13, width=1 << 14).place(8, 1 << 12)
