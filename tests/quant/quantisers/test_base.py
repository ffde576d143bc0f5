"""Every quantiser gives the values of QONNX's Quant, trained and exported alike."""

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import nn

from compiler.check.reference import run_float64
from compiler.exact.quantising import quant
from compiler.exact.reals import Reals
from quant.exports.export_qonnx import export
from quant.quantisers.base import Quantiser, code_range, round_through
from quant.quantisers.clip_value import ClipValueActivation
from quant.quantisers.dorefa import UnitActivationQuantiser
from quant.quantisers.gaussian import GaussianQuantiser
from quant.quantisers.lsq import LearnedStepQuantiser
from quant.quantisers.lsq_plus import OffsetStepQuantiser
from quant.quantisers.minmax import ActivationRangeQuantiser, WeightRangeQuantiser

CHANNELS = 4
SIGNED, NARROW, UNSIGNED = {"signed": True}, {"signed": True, "narrow": True}, {"signed": False}
PER_CHANNEL = NARROW | {"channels": CHANNELS}

#: Those on QONNX's grids; odd grids have tests of their own.
QUANTISERS = {
    "lsq weight": (LearnedStepQuantiser, NARROW),
    "lsq weight per channel": (LearnedStepQuantiser, PER_CHANNEL),
    "lsq activation": (LearnedStepQuantiser, UNSIGNED),
    "lsq signed activation": (LearnedStepQuantiser, SIGNED),
    "lsq+": (OffsetStepQuantiser, UNSIGNED),
    "minmax weight": (WeightRangeQuantiser, PER_CHANNEL),
    "minmax activation": (ActivationRangeQuantiser, UNSIGNED),
    "dorefa activation": (UnitActivationQuantiser, UNSIGNED),
    "gaussian weight": (GaussianQuantiser, NARROW),
    "gaussian activation": (GaussianQuantiser, UNSIGNED),
    "gaussian signed activation": (GaussianQuantiser, SIGNED),
    "aqd activation": (ClipValueActivation, UNSIGNED),
}
BITS = (2, 3, 4, 8)


def numbers(seed: int, size: float = 0.7) -> torch.Tensor:
    dice = torch.Generator().manual_seed(seed)
    return torch.randn(CHANNELS, 6, 5, 5, generator=dice, dtype=torch.float64) * size


@pytest.fixture(params=[(name, bits) for name in QUANTISERS for bits in BITS], ids=str)
def started(request, seed) -> Quantiser:
    """A quantiser in float64 that has seen a tensor, in evaluation mode."""
    name, bits = request.param
    kind, options = QUANTISERS[name]
    quantiser = kind(bits, **options).double()
    quantiser(numbers(seed + 1))
    assert quantiser.started
    return quantiser.eval()


def by_qonnx(quantiser: Quantiser, x: torch.Tensor) -> np.ndarray:
    """The definition of Quant, from its parameters."""
    attributes = {"signed": quantiser.signed, "narrow": quantiser.narrow, "rounding_mode": "ROUND"}
    scale, zero = (
        torch.as_tensor(v).detach().double().numpy() for v in (quantiser.scale(), quantiser.zero())
    )
    values = (x.numpy(), scale, zero, np.array(float(quantiser.bits)))
    return quant(attributes, *map(Reals.of, values)).values


def test_values_are_those_of_quant(started, seed):
    x = numbers(seed)
    with torch.no_grad():
        y = started(x)
    np.testing.assert_allclose(y.numpy(), by_qonnx(started, x), rtol=1e-6, atol=1e-9)


def test_codes_are_integers_in_range_and_make_the_values(started, seed):
    x = numbers(seed, size=3)
    with torch.no_grad():
        codes, y = started.codes(x), started(x)
        zero = started.zero()
        torch.testing.assert_close((codes - zero) * started.scale(), y, rtol=1e-6, atol=1e-9)
    assert torch.equal(codes, codes.round())
    low, high = code_range(started.bits, signed=started.signed, narrow=started.narrow)
    assert low <= codes.min()
    assert codes.max() <= high
    assert len(codes.unique()) > min(high - low, 100) / 2


def test_agrees_with_qonnx_itself(started, seed):
    function = pytest.importorskip("qonnx.custom_op.general.quant").quant
    x = numbers(seed)
    with torch.no_grad():
        y, scale = started(x), torch.as_tensor(started.scale()).double().numpy()
        zero = np.asarray(float(started.zero()))
    flags = (started.signed, started.narrow, "ROUND")
    expected = function(x.numpy(), scale, zero, np.array(float(started.bits)), *flags)
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-6, atol=1e-9)


def test_exported_node_computes_the_same(started, seed, tmp_path):
    # Rounded to float32, which the file holds, so that both sides see the same numbers.
    started.float()
    x = numbers(seed).float()
    export(nn.Sequential(started), tmp_path / "one.onnx", x, ("y",), "x")
    found = run_float64(str(tmp_path / "one.onnx"), x.double().numpy())["y"]
    with torch.no_grad():
        expected = started.double()(x.double())
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("options", [UNSIGNED, SIGNED, NARROW], ids=str)
def test_ties_go_to_the_even_code(options):
    quantiser = LearnedStepQuantiser(4, **options)
    quantiser.started.fill_(True)
    quantiser.step.data.fill_(0.25)
    x = (torch.arange(-20, 40) + 0.5) * 0.25
    expected = by_qonnx(quantiser, x.double())
    np.testing.assert_array_equal(quantiser(x).detach().numpy(), expected)
    assert quantiser.codes(torch.tensor([0.125, 0.375, 0.625])).tolist() == [0, 2, 2]


def test_switched_off_everything_passes(seed):
    x = numbers(seed)
    for name, (kind, options) in QUANTISERS.items():
        quantiser = kind(4, **options).double()
        quantiser.enabled = False
        assert quantiser(x) is x, name
        assert not quantiser.started, name


def test_the_first_tensor_decides_and_no_later_one(seed):
    for name, (kind, options) in QUANTISERS.items():
        quantiser = kind(4, **options).double()
        quantiser(numbers(seed))
        first = torch.as_tensor(quantiser.scale()).clone()
        quantiser.eval()(numbers(seed + 1) * 100)
        assert torch.equal(first, torch.as_tensor(quantiser.scale())), name


@pytest.mark.parametrize(
    ("bits", "options", "expected"),
    [
        (4, UNSIGNED, (0, 15)),
        (4, SIGNED, (-8, 7)),
        (4, NARROW, (-7, 7)),
        (2, NARROW, (-1, 1)),
        (8, UNSIGNED, (0, 255)),
    ],
)
def test_code_range(bits, options, expected):
    assert code_range(bits, **({"narrow": False} | options)) == expected


def test_rounding_passes_the_gradient():
    x = torch.tensor([0.5, 1.5, -0.2, 7.9], requires_grad=True)
    y = round_through(x)
    assert y.tolist() == [0, 2, 0, 8]
    y.backward(torch.tensor([1.0, 2, 3, 4]))
    assert x.grad.tolist() == [1, 2, 3, 4]
