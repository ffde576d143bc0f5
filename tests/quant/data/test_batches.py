"""Batches: every picture once, the same ones again, and the same for any number of processes."""

import itertools

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")

import torch

from quant.data.augment import SETTINGS
from quant.data.batches import Batches, generator_for
from quant.data.pictures import Loaded
from quant.errors import TrainingError

COUNT = 11


@pytest.fixture
def loaded(seed):
    """Pictures of noise; the first pixel, and the one label, are the picture's number."""
    dice = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (COUNT, 3, 16, 24), generator=dice, dtype=torch.uint8)
    pixels[:, 0, 0, 0] = torch.arange(COUNT)
    targets = [torch.tensor([[float(n), 12, 8, 10, 10]]) for n in range(COUNT)]
    return Loaded(pixels=pixels, targets=targets, placements=[])


def batches(loaded, **options) -> Batches:
    return Batches(loaded, **{"batch": 4, "seed": 5, "prefetch": False} | options)


def numbers(batch) -> list[int]:
    """Which pictures an unaugmented batch has."""
    return (batch[0][:, 0, 0, 0] * 255).round().int().tolist()


def same(a, b) -> bool:
    return len(a) == len(b) and all(
        torch.equal(x, y)
        for one, two in zip(a, b, strict=True)
        for x, y in zip(one, two, strict=True)
    )


def test_an_epoch_shows_every_picture_once(loaded):
    every = batches(loaded)
    epochs = [[numbers(batch) for batch in every.epoch_batches(epoch)] for epoch in range(2)]
    for epoch in epochs:
        assert [len(batch) for batch in epoch] == [4, 4, 3]
        assert sorted(itertools.chain(*epoch)) == list(range(COUNT))
    assert epochs[0] != epochs[1]
    assert every.steps == 3


def test_what_a_batch_is(loaded):
    x, targets = next(batches(loaded).epoch_batches(0))
    assert x.dtype == targets.dtype == torch.float32
    assert x.shape == (4, 3, 16, 24)
    assert x.is_contiguous(memory_format=torch.channels_last)
    chosen = numbers((x, targets))
    torch.testing.assert_close(x, loaded.pixels[chosen] / 255)
    assert targets[:, 0].tolist() == [0, 1, 2, 3]
    assert targets[:, 1].tolist() == chosen
    assert targets[0, 2:].tolist() == [12, 8, 10, 10]


@pytest.mark.parametrize(("batch", "steps"), [(4, 3), (5, 2), (10, 1), (11, 1), (16, 1)])
def test_a_last_picture_alone_is_left_out(loaded, batch, steps):
    every = batches(loaded, batch=batch)
    assert every.steps == len(list(every.epoch_batches(0))) == steps


@pytest.mark.parametrize("prefetch", [False, True])
def test_resumes_in_the_middle_of_an_epoch_bit_for_bit(loaded, prefetch):
    options = {"augmentation": SETTINGS["overhead"], "prefetch": prefetch}
    whole = list(batches(loaded, **options).epoch_batches(3))
    for start in range(4):
        rest = list(batches(loaded, **options).epoch_batches(3, start))
        assert same(whole[start:], rest)


def test_prefetching_changes_nothing(loaded):
    setting = SETTINGS["upright"]
    plain, ahead = (
        list(batches(loaded, augmentation=setting, prefetch=prefetch).epoch_batches(1))
        for prefetch in (False, True)
    )
    assert same(plain, ahead)


def test_leaving_early_and_errors_end_the_thread(loaded):
    running = batches(loaded, prefetch=True).epoch_batches(0)
    next(running)
    running.close()
    broken = Loaded(pixels=loaded.pixels, targets=[], placements=[])
    with pytest.raises(IndexError):
        list(batches(broken, prefetch=True).epoch_batches(0))


@pytest.mark.parametrize("setting", ["none", "overhead"])
def test_processes_share_one_batch(loaded, setting):
    options = {"augmentation": SETTINGS[setting], "batch": 6}
    whole = list(batches(loaded, **options).epoch_batches(2))
    shares = [
        list(batches(loaded, **options, rank=rank, world=2).epoch_batches(2)) for rank in range(2)
    ]
    for step, (x, targets) in enumerate(whole):
        for rank in range(2):
            mine, rows = shares[rank][step]
            assert torch.equal(mine, x[rank::2])
            expected = targets[targets[:, 0] % 2 == rank]
            expected[:, 0] = (expected[:, 0] - rank) / 2
            torch.testing.assert_close(rows, expected)


def test_a_short_batch_has_two_pictures_for_each_process(loaded):
    # 11 = 8 + 3: three pictures are enough for one process, not for two.
    assert batches(loaded, batch=8).steps == 2
    assert batches(loaded, batch=8, rank=1, world=2).steps == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (
            {"batch": 1},
            "the batch has 1 pictures; expected at least 2: two for each of 1 processes",
        ),
        ({"batch": 6, "world": 4}, "the batch has 6 pictures; expected at least 8"),
        ({"batch": 16, "world": 6}, "the split has 11 pictures; expected at least 12"),
    ],
)
def test_too_few_pictures(loaded, options, text):
    with pytest.raises(TrainingError, match=text):
        batches(loaded, **({"batch": 16} | options))


def test_seeds_do_not_depend_on_the_process():
    first = torch.randint(2**31, (), generator=generator_for(1, 2, 3))
    assert int(first) == 1060285619
    keys = [(1, 2, 3), (1, 3, 2), (12, 3), (1, 2, "order")]
    assert len({generator_for(*key).initial_seed() for key in keys}) == len(keys)
