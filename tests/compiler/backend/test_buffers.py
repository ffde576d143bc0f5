"""Places on chip: what is taken, what stays, and which compute new data wait for."""

from compiler.backend.buffers import NOTHING, Halves, Ring


def test_halves_are_taken_in_turn_and_remember_their_readers():
    halves = Halves(16)
    base, after, taken = halves.take(8)
    assert (base, after, taken) == (0, NOTHING, (0,))
    halves.read(taken, 4)
    assert halves.take(3) == (8, NOTHING, (1,))
    halves.read((1,), 6)
    assert halves.take(1) == (0, 4, (0,))
    assert halves.take(9) == (0, 6, (0, 1))
    assert halves.take(1) == (0, 4, (0,))


def filled(*sizes: int) -> Ring:
    """A ring of 16 words with data 0, 1, ... of these sizes, read by computes 0, 1, ..."""
    ring = Ring(16)
    for number, size in enumerate(sizes):
        base = ring.take(number, size)
        ring.read(base, size, number)
    return ring


def test_what_has_not_been_read_for_longest_is_overwritten():
    ring = filled(6, 6)
    assert [ring.find(key) for key in (0, 1, 2)] == [0, 6, None]
    assert ring.take("new", 6) == 12
    # 12 to 15 were free, 0 and 1 belonged to what was read first.
    assert [ring.find(key) for key in (0, 1, "new")] == [None, 6, 12]
    assert ring.parts(12, 6) == [(12, 4, NOTHING), (0, 2, 0)]


def test_what_is_read_again_stays():
    ring = filled(8, 8)
    ring.read(0, 8, 5)
    assert ring.take("new", 4) == 8
    assert ring.find(0) == 0
    assert ring.parts(8, 4) == [(8, 4, 1)]


def test_half_of_the_memory_waits_for_all_its_readers_at_once():
    ring = filled(4, 4, 8)
    assert ring.take("new", 8) == 0
    assert ring.parts(0, 8) == [(0, 8, 1)]


def test_more_than_half_is_loaded_in_parts():
    ring = filled(9)
    base = ring.take("new", 9)
    assert base == 9
    assert ring.parts(base, 9) == [(9, 7, NOTHING), (0, 2, 0)]
    ring.read(base, 9, 1)
    base = ring.take("next", 9)
    assert base == 0
    assert ring.parts(base, 9) == [(0, 2, 1), (2, 7, 0)]


def test_a_full_memory():
    ring = filled(16)
    assert ring.take("new", 16) == 0
    assert ring.parts(0, 16) == [(0, 16, 0)]
    assert ring.find(0) is None
