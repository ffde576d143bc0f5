"""Pictures on the training's device: when, and that nothing else changes."""

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")

import torch

from quant.data.augment import CHUNK, SETTINGS
from quant.data.batches import Batches
from quant.data.pictures import Loaded
from quant.data.residence import CHUNK as DEVICE_CHUNK
from quant.data.residence import DEVICE, HOST, settle_pictures
from quant.errors import TrainingError

COUNT = 20
CPU = torch.device("cpu")
#: A device that keeps shapes only: not the processor, and always there.
META = torch.device("meta")


@pytest.fixture
def loaded(seed):
    dice = torch.Generator().manual_seed(seed)
    pixels = torch.randint(256, (COUNT, 3, 32, 48), generator=dice, dtype=torch.uint8)
    targets = [torch.tensor([[float(n % 3), 24, 16, 20, 10]]) for n in range(COUNT)]
    return Loaded(pixels=pixels, targets=targets, placements=[])


@pytest.mark.parametrize("setting", list(SETTINGS))
def test_batches_are_the_same_bit_for_bit(loaded, setting):
    there = settle_pictures(loaded, CPU, DEVICE)
    assert there.chunk == DEVICE_CHUNK > CHUNK == loaded.chunk
    options = {"batch": 9, "seed": 5, "augmentation": SETTINGS[setting]}
    here, there = (list(Batches(each, **options).epoch_batches(2)) for each in (loaded, there))
    assert len(here) == 3
    for (x, targets), (other, others) in zip(here, there, strict=True):
        assert torch.equal(x, other)
        assert x.stride() == other.stride()
        assert torch.equal(targets, others)


def test_the_processor_keeps_them_where_they_are(loaded):
    assert settle_pictures(loaded, CPU) is loaded
    assert settle_pictures(loaded, CPU, free=1 << 40) is loaded


def test_half_of_the_free_memory(loaded):
    size = loaded.pixels.nbytes
    there = settle_pictures(loaded, META, free=2 * size)
    assert there.pixels.device == META
    assert there.targets is loaded.targets
    assert settle_pictures(loaded, META, free=2 * size - 1) is loaded
    assert settle_pictures(loaded, META, DEVICE).pixels.device == META
    assert settle_pictures(loaded, META, HOST, free=1 << 40) is loaded


def test_mistakes(loaded, monkeypatch):
    with pytest.raises(TrainingError, match="no residence 'disk'; there are auto, device, host"):
        settle_pictures(loaded, CPU, "disk")

    def full(*_given: object) -> None:
        raise torch.OutOfMemoryError

    monkeypatch.setattr(torch.Tensor, "to", full)
    with pytest.raises(TrainingError, match=r"20 pictures take 0.0 GiB, .* --pictures host"):
        settle_pictures(loaded, META, DEVICE)
