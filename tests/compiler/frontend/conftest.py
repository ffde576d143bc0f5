"""Every network that a test of the front end reads is checked after every pass."""

import pytest

from tests.compiler.frontend.watched import watched_passes


@pytest.fixture(autouse=True)
def check_stages(monkeypatch):
    """Passes as they are, their results compared with ``stages``."""
    monkeypatch.setattr("compiler.frontend.pipeline.PASSES", watched_passes())
