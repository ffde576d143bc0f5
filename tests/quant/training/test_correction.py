"""Quantisation correction: nothing at the start, trained alone, folded without a trace."""

import pytest

pytest.importorskip("torch")

import torch

from quant.model.layers import Conv, Correction
from quant.training.correction import fold_corrections, hold_still, insert_corrections
from tests.quant import tiny


@pytest.fixture(params=["lsq", "mpq"])
def model(request, seed):
    return tiny.settle(tiny.steps(tiny.detector(request.param), seed)).double()


def corrections(model):
    return [m for m in model.modules() if isinstance(m, Correction)]


def outputs(model, seed):
    with torch.no_grad():
        return torch.cat([m.flatten() for m in model(tiny.pictures(seed).double())])


def test_a_new_correction_changes_nothing(model, seed):
    before = outputs(model, seed)
    parameters = insert_corrections(model)
    assert len(parameters) == 2 * len(model.convolutions())
    assert torch.equal(outputs(model, seed), before)


def test_folding_changes_nothing(model, seed):
    dice = torch.Generator().manual_seed(seed)
    before = outputs(model, seed)
    for parameter in insert_corrections(model):
        noise = torch.randn(parameter.shape, generator=dice, dtype=torch.float64)
        # Some gains change their sign.
        parameter.data += noise * 0.6
    assert any((c.gain < 0).any() for c in corrections(model))
    corrected = outputs(model, seed)
    assert (corrected - before).abs().max() > 0.1
    fold_corrections(model)
    torch.testing.assert_close(outputs(model, seed), corrected, rtol=1e-9, atol=1e-9)
    # Layers without a normalisation keep theirs.
    assert len(corrections(model)) == 2
    assert not any(isinstance(m.correction, Correction) for m in model.modules()
                   if isinstance(m, Conv))  # fmt: skip


def test_only_corrections_learn(model, seed):
    before = {k: v.clone() for k, v in model.state_dict().items()}
    trained = insert_corrections(model)
    assert all(p.requires_grad for p in trained)
    optimiser = torch.optim.Adam(trained, lr=0.01)
    for step in range(2):
        model.train()
        hold_still(model)
        optimiser.zero_grad()
        maps = model(tiny.pictures(seed + step).double())
        sum(m.square().mean() for m in maps).backward()
        optimiser.step()
    after = model.state_dict()
    changed = [k for k, v in before.items() if not torch.equal(v, after[k])]
    assert not changed
    starts = [1.0, 0.0] * (len(trained) // 2)  # gain and offset of each layer
    assert all((p != start).any() for p, start in zip(trained, starts, strict=True))


def test_float_layers_have_no_correction():
    model = tiny.detector("float")
    assert insert_corrections(model) == []
    assert not corrections(model)
