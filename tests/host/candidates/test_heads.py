"""Heads of the host: boxes are those of the whole maps, of features at candidates alone."""


import numpy as np
import pytest

from arch.errors import OnefourError
from arch.machine import ECP5_25F, ECP5_85F, TINY
from compiler.candidates.hosted import head_weights
from compiler.flow import ARRAY, HOST
from golden import execute
from golden.formats import pack_map
from host.boxes import boxes_of, boxes_on_picture
from host.candidates.heads import head_sums, weights_file, weights_of
from host.candidates.records import Candidates, HostHead
from host.device import result_bytes
from host.memory import layer_format, read_layer
from host.results import check_floor, read_outputs, result_sums
from tests.samples.detectors import HEADS, compiled, fetched, frame, memory_after, raw_maps

CONFIDENCE = 0.9


def tail_of(made):
    return made.parts and made.parts.model.SerializeToString()


def boxes(memory, made, manifest, shown, floor):
    heads = head_weights(made.network, made.heads)
    return boxes_on_picture(memory, manifest, shown, floor, tail_of(made), heads)


@pytest.mark.parametrize(
    ("machine", "form"),
    [
        *((TINY, form) for form in HEADS),
        (ECP5_25F, "nine"),
        (ECP5_85F, "nine"),
        (ECP5_85F, "distribution"),
    ],
    ids=lambda each: getattr(each, "name", each),
)
def test_the_boxes_are_those_of_all_sums(tmp_path, rng, machine, form):
    make, lowest = HEADS[form]
    made, manifest = compiled(make(tmp_path), machine, lowest, HOST)
    assert {output.name for output in manifest.outputs} == manifest.head_names
    assert not [layer for layer in manifest.layers if layer.kind == "raw"]
    shown = frame(rng)
    results = execute.run(made.network, shown.codes)
    sums = {output.name: results[output.tensor] for output in made.network.outputs}
    memory = memory_after(made, manifest, shown.codes)
    part, _ = fetched(memory, manifest, lowest)
    own = result_sums(part, manifest, lowest, head_weights(made.network, made.heads))
    assert any((own[name] != sums[name]).any() for name in sums)
    for floor in (lowest, (lowest + 1) / 2):
        expected = boxes_of(sums, manifest, shown.placement, floor, tail_of(made))
        assert boxes(memory, made, manifest, shown, floor).equal(expected)
        assert boxes(part, made, manifest, shown, floor).equal(expected)
        assert len(expected) or floor > lowest


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A frame: what was made, its manifest, the frame and its memory."""
    made, manifest = compiled(raw_maps(tmp_path_factory.mktemp("tiny")), TINY, CONFIDENCE, HOST)
    shown = frame(np.random.default_rng(1))
    return made, manifest, shown, memory_after(made, manifest, shown.codes)


def test_a_lost_candidate_is_a_lost_box(tiny):
    """What the test above would show: of a map without one of its places, boxes differ."""
    made, manifest, shown, memory = tiny
    expected = boxes(memory, made, manifest, shown, CONFIDENCE)
    assert len(expected)
    layer = manifest.layer_of(manifest.candidates[0].tensor)
    differing = 0
    for y, x in np.argwhere(read_layer(memory, layer).any(0)).tolist()[:12]:
        changed = memory.copy()
        bits = read_layer(changed, layer)
        bits[:, y, x] = 0
        pack_map(changed, layer_format(layer), bits)
        differing += not boxes(changed, made, manifest, shown, CONFIDENCE).equal(expected)
    assert differing


def test_features_are_fetched_at_candidates_alone(tiny):
    """Far fewer bytes than the sums of the same places, and than all features."""
    _, manifest, _, memory = tiny
    memory = memory.copy()
    for each in manifest.candidates:
        layer = manifest.layer_of(each.tensor)
        bits = read_layer(memory, layer)
        y, x = np.mgrid[: layer.height, : layer.width]
        bits[:] = (y % 4 == 1) & (x % 4 == 2)
        pack_map(memory, layer_format(layer), bits)
    part, received = fetched(memory, manifest, CONFIDENCE)
    assert received < result_bytes(manifest)
    for head, each in zip(manifest.heads, manifest.candidates, strict=True):
        wanted = read_layer(memory, manifest.layer_of(each.tensor)).any(0)
        features = manifest.layer_of(head.features)
        own, found = read_layer(memory, features), read_layer(part, features)
        np.testing.assert_array_equal(found[:, wanted], own[:, wanted])
        assert (found != own)[:, ~wanted].any()
    everywhere = memory.copy()
    for each in manifest.candidates:
        layer = manifest.layer_of(each.tensor)
        ones = np.ones((layer.channels, layer.height, layer.width), int)
        pack_map(everywhere, layer_format(layer), ones)
    whole, _ = fetched(everywhere, manifest, CONFIDENCE)
    for head in manifest.heads:
        layer = manifest.layer_of(head.features)
        np.testing.assert_array_equal(read_layer(whole, layer), read_layer(memory, layer))


@pytest.mark.parametrize("sign", [1, -1])
def test_sums_elsewhere_cannot_pass(rng, sign):
    """However codes are: what is compared is as far from passing as any codes could bring it."""
    weights = rng.integers(-7, 8, (6, 5))
    head = HostHead(of="h", channels=6, features="f", step=2, offset=-3)
    candidates = Candidates(
        tensor="m", of="h", results=("h",), channels=(1, 4), sign=(sign,) * 2, level=(0, 0)
    )
    codes = rng.integers(0, 4, (5, 3, 7), np.uint8)
    wanted = rng.random((3, 7)) < 0.3
    sums = head_sums(head, candidates, weights, codes, 2, wanted)
    exact = np.tensordot(weights, 2 * codes.astype(np.int64) - 3, 1)
    np.testing.assert_array_equal(sums[:, wanted], exact[:, wanted])
    every = np.array(np.meshgrid(*[[-3, 3]] * 5)).reshape(5, -1)
    worst = (sign * (weights[[1, 4]] @ every)).min(1)
    np.testing.assert_array_equal(
        sign * sums[[1, 4]][:, ~wanted], np.broadcast_to(worst[:, None], (2, (~wanted).sum()))
    )
    assert not sums[[0, 2, 3, 5]][:, ~wanted].any()
    other = head_sums(another_head(candidates), candidates, weights, codes, 2, wanted)
    assert not other[:, ~wanted].any()


def another_head(candidates):
    """A head that is needed where another one's sums pass."""
    return HostHead(of=f"{candidates.of}2", channels=6, features="f", step=2, offset=-3)


def test_no_place_is_no_product(rng):
    head = HostHead(of="h", channels=2, features="f", step=1, offset=0)
    candidates = Candidates(
        tensor="m", of="h", results=("h",), channels=(0,), sign=(1,), level=(1,)
    )
    codes = rng.integers(0, 2, (3, 4, 4), np.uint8)
    none = np.zeros((4, 4), bool)
    assert (head_sums(head, candidates, np.ones((2, 3), int), codes, 1, none) == 0).all()


def test_lower_floors_are_refused(tiny):
    """The sums do not exist: by the driver, by whoever decodes, and by who wants all results."""
    _, manifest, shown, memory = tiny
    check_floor(manifest, CONFIDENCE)
    for ask in (
        lambda: check_floor(manifest, 0.89),
        lambda: fetched(memory, manifest, 0.89),
        lambda: boxes_on_picture(memory, manifest, shown, 0.89),
    ):
        with pytest.raises(OnefourError, match=r"--confidence 0\.89 for .* onefour build MODEL"):
            ask()
    with pytest.raises(OnefourError, match="all results cannot be had .* --heads array"):
        read_outputs(memory, manifest)


def test_all_that_results_are_made_of(tiny):
    """Without a floor, the maps and all features: enough for boxes."""
    made, manifest, shown, memory = tiny
    all_of_it, _ = fetched(memory, manifest, None)
    expected = boxes(memory, made, manifest, shown, CONFIDENCE)
    assert boxes(all_of_it, made, manifest, shown, CONFIDENCE).equal(expected)


def test_builds_without_heads_have_no_floor(tmp_path):
    _, manifest = compiled(raw_maps(tmp_path), TINY, CONFIDENCE, ARRAY)
    check_floor(manifest, 0.1)
    check_floor(manifest, None)


def test_the_file_of_weights(rng):
    weights = [rng.integers(-128, 128, shape) for shape in ((3, 8), (5, 2))]
    content = weights_file(weights)
    found = weights_of(content, [(3, 8), (5, 2)])
    for own, expected in zip(found, weights, strict=True):
        np.testing.assert_array_equal(own, expected)
    for wrong in (content[:-1], content + b"\0\0\0\0", b""):
        with pytest.raises(OnefourError, match="it is not the one of this manifest"):
            weights_of(wrong, [(3, 8), (5, 2)])
