"""Shared by all tests: seeds, the folder of real networks and pictures."""

import os
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
REAL_DATA = Path(os.environ.get("ONEFOUR_DATA", ROOT.parent / "shared" / "data"))


@pytest.fixture
def seed() -> int:
    """The test's random seed: ONEFOUR_SEED, or 1. Parametrise `seed` to use several."""
    return int(os.environ.get("ONEFOUR_SEED", "1"))


@pytest.fixture
def rng(seed) -> np.random.Generator:
    return np.random.default_rng(seed)


@pytest.fixture(autouse=True)
def note_seed(request, record_property):
    """Hand the seed to the summary below, from whichever process the test runs in."""
    if "seed" in request.fixturenames:
        record_property("seed", str(request.getfixturevalue("seed")))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of published networks and pictures, for tests marked `real`."""
    if not REAL_DATA.is_dir():
        pytest.skip(f"no folder {REAL_DATA}: set ONEFOUR_DATA to the real networks and pictures")
    return REAL_DATA


def pytest_terminal_summary(terminalreporter):
    """Print the seeds of every test that drew random numbers."""
    seeds: dict[str, dict[str, None]] = {}  # a set that keeps its order
    for reports in terminalreporter.stats.values():
        for report in reports:
            if getattr(report, "when", None) != "call":
                continue
            for name, value in report.user_properties:
                if name == "seed":
                    seeds.setdefault(report.nodeid.split("[")[0], {})[value] = None
    if seeds:
        terminalreporter.section("seeds")
    for test, values in sorted(seeds.items()):
        terminalreporter.line(f"{test}: {' '.join(values)}")
