"""Maps of one bit beside raw sums: what the program leaves is the comparison of what it leaves."""

import numpy as np
import pytest

from arch.machine import ECP5_25F, ECP5_85F, TINY
from golden import execute
from host.detection import passing
from host.memory import read_layer
from tests.samples.detectors import compiled, frame, memory_after, raw_maps, with_tail
from tests.samples.tails import distribution

FLOOR = 0.97


@pytest.mark.parametrize(
    ("machine", "anchors"),
    [(TINY, 3), (TINY, 18), (ECP5_25F, 9), (ECP5_85F, 9), (ECP5_85F, 18)],
    ids=lambda each: getattr(each, "name", each),
)
def test_a_map_is_where_sums_pass(tmp_path, rng, machine, anchors):
    """Channel by channel, or where any of them does if an image cannot hold them."""
    made, manifest = compiled(raw_maps(tmp_path, anchors=anchors), machine, FLOOR)
    picture = frame(rng).codes
    memory = memory_after(made, manifest, picture)
    results = execute.run(made.network, picture)
    count = size = 0
    for each in manifest.candidates:
        output = next(o for o in manifest.outputs if o.name == each.of)
        sums = results[output.tensor]
        wanted = np.stack(
            [passing(sums[c], output.scale[c], output.bias[c], FLOOR) for c in each.channels]
        )
        found = read_layer(memory, manifest.layer_of(each.tensor))
        count, size = count + wanted.any(0).sum(), size + wanted[0].size
        if anchors > machine.image_channels:
            wanted = wanted.any(0, keepdims=True)
        np.testing.assert_array_equal(found.astype(bool), wanted)
    assert 0 < count < size


def test_scores_of_classes(tmp_path, rng):
    """The map is 1 where a class's score reaches the floor, and hardly anywhere else."""
    made, manifest = compiled(with_tail(tmp_path, distribution), TINY, 0.5)
    memory = memory_after(made, manifest, frame(rng).codes)
    for each in manifest.candidates:
        output = next(o for o in manifest.outputs if o.name == each.of)
        sums = read_layer(memory, manifest.layer_of(output.tensor))
        logits = sums * np.array(output.scale)[:, None, None]
        logits += np.array(output.bias)[:, None, None]
        found = read_layer(memory, manifest.layer_of(each.tensor)).astype(bool)
        assert found[logits >= 0].all()
        assert not found[logits < -0.02].any()


def test_without_it_nothing_changes(tmp_path):
    path = raw_maps(tmp_path)
    made, manifest = compiled(path, TINY, None)
    assert manifest.candidates == ()
    assert manifest.confidence == 0
    assert made.network.shown == ()
    more, _ = compiled(path, TINY, FLOOR)
    names = [placed.job.name for placed in more.plan.jobs]
    assert [name for name in names if not name.endswith("/candidates")] == [
        placed.job.name for placed in made.plan.jobs
    ]
