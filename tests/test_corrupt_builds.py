"""Whatever is wrong with a build folder, commands answer with one message."""

from pathlib import Path

import onnx
import pytest

from arch.machine import TINY
from compiler.build_folder import write_build
from compiler.flow import compile_file
from tests import corrupt_builds
from tests.random_networks.graphs import random_model

PICTURE = Path(__file__).resolve().parents[1] / "examples" / "shapes" / "picture0.png"


@pytest.fixture(scope="module")
def builds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("builds")
    for seed in (3, 4):
        model = folder / f"{seed}.onnx"
        onnx.save(random_model(seed), model)
        write_build(
            compile_file(model, TINY), folder / str(seed), model, input_scale=1 / 255,
            verilog=False,
        )  # fmt: skip
    return folder / "3", folder / "4"


def answered(builds, count, first=0):
    found = corrupt_builds.run(*builds, PICTURE, count, first)
    print(f"seeds {first}..{first + count - 1}: {dict(found)}")
    return {key: n for key, n in found.items() if not key[2].startswith("status")}


def test_a_few(builds):
    assert not answered(builds, 120)


@pytest.mark.slow
def test_many(builds):
    assert not answered(builds, 1800, 1000)
