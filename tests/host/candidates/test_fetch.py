"""Results where boxes can be: the boxes are those of all results, and none is lost."""

import msgspec
import numpy as np
import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from boards.use.model_line import ModelLine
from golden.formats import pack_map
from host.boxes import boxes_on_picture
from host.candidates.fetch import fetch_candidates, map_bytes, runs_of
from host.device import result_bytes
from host.link import Link
from host.memory import layer_format, read_layer
from tests.samples.detectors import HEADS, compiled, fetched, frame, memory_after, raw_maps


def boxes(memory, made, manifest, shown, floor):
    tail = made.parts and made.parts.model.SerializeToString()
    return boxes_on_picture(memory, manifest, shown, floor, tail)


@pytest.mark.parametrize(
    ("machine", "head"),
    [
        *((TINY, head) for head in HEADS),
        (ECP5_25F, "nine"),
        (ECP5_85F, "nine"),
        (ECP5_85F, "distribution"),
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_the_boxes_are_those_of_all_results(tmp_path, rng, machine, head):
    make, lowest = HEADS[head]
    made, manifest = compiled(make(tmp_path), machine, lowest)
    shown = frame(rng)
    memory = memory_after(made, manifest, shown.codes)
    whole, _ = fetched(memory, manifest)
    part, _ = fetched(memory, manifest, lowest)
    kept = [manifest.layer_of(output.tensor) for output in manifest.outputs]
    assert any((read_layer(part, each) != read_layer(whole, each)).any() for each in kept)
    for floor in (lowest, (lowest + 1) / 2):
        expected = boxes(whole, made, manifest, shown, floor)
        assert boxes(part, made, manifest, shown, floor).equal(expected)
        assert len(expected) or floor > lowest


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A frame: what was made, its manifest, the frame and its memory."""
    made, manifest = compiled(raw_maps(tmp_path_factory.mktemp("tiny")), TINY, 0.6)
    shown = frame(np.random.default_rng(1))
    return made, manifest, shown, memory_after(made, manifest, shown.codes)


def thinned(memory, manifest, keep):
    """The memory with the maps of candidates 0 but at ``keep(y, x)`` of the first one's places."""
    memory, kept = memory.copy(), []
    for each in manifest.candidates:
        layer = manifest.layer_of(each.tensor)
        bits = read_layer(memory, layer)
        y, x = np.mgrid[: layer.height, : layer.width]
        bits[:, ~keep(y, x)] = 0
        pack_map(memory, layer_format(layer), bits)
        kept.append(bits)
    return memory, kept


def test_a_lost_candidate_is_a_lost_box(tiny):
    """What the tests above would show: of a map without one of its places, boxes differ."""
    made, manifest, shown, memory = tiny
    expected = boxes(memory, made, manifest, shown, 0.6)
    assert len(expected)
    layer = manifest.layer_of(manifest.candidates[0].tensor)
    differing = 0
    for y, x in np.argwhere(read_layer(memory, layer).any(0)).tolist()[:12]:
        changed = memory.copy()
        bits = read_layer(changed, layer)
        bits[:, y, x] = 0
        pack_map(changed, layer_format(layer), bits)
        part, _ = fetched(changed, manifest, 0.6)
        differing += not boxes(part, made, manifest, shown, 0.6).equal(expected)
    assert differing


@pytest.mark.parametrize("machine", [TINY, ECP5_25F, ECP5_85F], ids=lambda machine: machine.name)
def test_what_is_fetched_is_the_boards_and_the_rest_cannot_pass(tmp_path, rng, machine):
    """Sums of places beside candidates share units with theirs, and still are none of the board."""
    made, manifest = compiled(raw_maps(tmp_path), machine, 0.2)
    memory = memory_after(made, manifest, frame(rng).codes)
    memory, kept = thinned(memory, manifest, lambda y, x: (y % 3 == 1) & (x % 4 == 1))
    part, received = fetched(memory, manifest, 0.2)
    assert received < result_bytes(manifest)
    for each, bits in zip(manifest.candidates, kept, strict=True):
        layer = manifest.layer_of(next(o.tensor for o in manifest.outputs if o.name == each.of))
        sums, own, there = read_layer(part, layer), read_layer(memory, layer), bits.any(0)
        assert 0 < there.sum() < there.size / 4
        np.testing.assert_array_equal(sums[:, there], own[:, there])
        for channel, sign, level in zip(each.channels, each.sign, each.level, strict=True):
            assert (sign * sums[channel][~there] < level).all()
        others = [c for c in range(layer.channels) if c not in each.channels]
        largest = np.abs(own).max()
        assert np.abs(sums[others][:, ~there]).max() <= largest


def test_a_falling_channel_is_filled_at_its_other_end(tiny):
    """sign -1: the sums that pass are the small ones."""
    _, manifest, _, memory = tiny
    first, *others = manifest.candidates
    falling = msgspec.structs.replace(
        first, sign=(-1,) * len(first.sign), level=tuple(-level for level in first.level)
    )
    manifest = msgspec.structs.replace(manifest, candidates=(falling, *others))
    memory, kept = thinned(memory, manifest, lambda y, x: x < 0)
    part, _ = fetched(memory, manifest, 0.8)
    tensor = next(o.tensor for o in manifest.outputs if o.name == first.of)
    sums = read_layer(part, manifest.layer_of(tensor))
    assert not kept[0].any()
    for channel, level in zip(falling.channels, falling.level, strict=True):
        assert (-sums[channel] < level).all()


def test_a_lower_floor_takes_all_results(tiny):
    _, manifest, _, memory = tiny
    whole, count = fetched(memory, manifest)
    for floor in (None, 0.59):
        found, received = fetched(memory, manifest, floor)
        assert received == count
        np.testing.assert_array_equal(found, whole)


def test_many_candidates_are_a_whole_map(tiny):
    """Never more than the whole results and the maps, whatever there is."""
    _, manifest, _, memory = tiny
    memory = memory.copy()
    for each in manifest.candidates:
        layer = manifest.layer_of(each.tensor)
        everywhere = np.ones((layer.channels, layer.height, layer.width), int)
        pack_map(memory, layer_format(layer), everywhere)
    whole, count = fetched(memory, manifest)
    part, received = fetched(memory, manifest, 0.6)
    maps = sum(map_bytes(manifest.layer_of(each.tensor)) for each in manifest.candidates)
    assert received <= count + maps + 20 * len(manifest.candidates)
    for output in manifest.outputs:
        layer = manifest.layer_of(output.tensor)
        np.testing.assert_array_equal(read_layer(part, layer), read_layer(whole, layer))


def test_places_of_a_row_that_touch_are_one_record(tiny):
    _, manifest, _, memory = tiny
    layer = manifest.layer_of(manifest.outputs[0].tensor)
    wanted = np.zeros((layer.height, layer.width), bool)
    wanted[2, [1, 2, 3, 6]] = wanted[5, 7] = True
    found = [(run.start, run.end) for run in runs_of(layer, wanted)]
    row, size = layer.row_bytes, layer.position_bytes
    places = [(2, 1, 4), (2, 6, 7), (5, 7, 8)]
    assert found == [
        (layer.address + y * row + a * size, layer.address + y * row + b * size)
        for y, a, b in places
    ]
    line = ModelLine(memory, 3e6)
    assert fetch_candidates(Link(line), np.zeros_like(memory), manifest) >= 0
