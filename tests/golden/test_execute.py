"""Running an integer network: order, shapes, outputs."""

import time

import numpy as np
import pytest

from golden import execute
from golden.network import Convolution, Network, Output, Tensor, Thresholds


def two_layers() -> Network:
    """2 channels of 4x4 through a 1-bit and an unquantised layer."""
    picture = Tensor(name="x", channels=2, height=4, width=4, bits=8, scale=1.0)
    hidden = Tensor(name="h", channels=1, height=4, width=4, bits=1, scale=1.0, step=2, offset=-1)
    thresholds = Thresholds(levels=np.array([[10]]), sign=np.ones(1, np.int8))
    first = Convolution(
        name="first", input="x", output="h", weights=np.array([[[[1]], [[-1]]]], np.int32),
        thresholds=thresholds,
    )  # fmt: skip
    second = Convolution(
        name="second", input="h", output="y", weights=np.ones((1, 1, 3, 3), np.int32),
        thresholds=None, pads=(1, 1, 1, 1), pad_value=-1,
    )  # fmt: skip
    return Network(
        name="two",
        input="x",
        tensors={"x": picture, "h": hidden},
        operators=(first, second),
        outputs=(Output(name="out", tensor="y", scale=np.array([0.5]), bias=np.array([1.0])),),
        raw_shapes={"y": (1, 4, 4)},
    )


def test_run():
    picture = np.zeros((2, 4, 4), np.uint8)
    picture[0, 1, 1] = 10
    results = execute.run(two_layers(), picture)
    assert list(results) == ["x", "h", "y"]
    assert results["h"].sum() == results["h"][0, 1, 1] == 1
    assert results["y"][0].tolist()[0] == [-7, -7, -7, -9]
    assert execute.outputs(two_layers(), results)["out"][0, 3, 3] == -9 * 0.5 + 1


@pytest.mark.parametrize(
    "picture", [np.zeros((2, 4, 5), np.uint8), np.zeros((2, 4, 4), np.float32)]
)
def test_wrong_picture(picture):
    with pytest.raises(ValueError, match=r"two: picture codes must be uint8 \(2, 4, 4\)"):
        execute.run(two_layers(), picture)


def test_a_large_layer_takes_a_fraction_of_a_second(rng):
    x = Tensor(name="x", channels=16, height=320, width=320, bits=4, scale=1.0)
    y = Tensor(name="y", channels=32, height=160, width=160, bits=4, scale=1.0)
    thresholds = Thresholds(
        levels=np.sort(rng.integers(-999, 999, (32, 15)), axis=1), sign=np.ones(32, np.int8)
    )
    layer = Convolution(
        name="c", input="x", output="y", thresholds=thresholds, strides=(2, 2), pads=(1,) * 4,
        weights=rng.integers(-8, 8, (32, 16, 3, 3)).astype(np.int32),
    )  # fmt: skip
    network = Network(
        name="large", input="x", tensors={"x": x, "y": y}, operators=(layer,), outputs=()
    )
    picture = rng.integers(0, 16, x.shape, dtype=np.uint8)
    start = time.perf_counter()
    execute.run(network, picture)
    assert time.perf_counter() - start < 3
