"""Scripts in the place of the synthesis tools."""

import stat

import pytest

from boards import toolchain


@pytest.fixture
def tool(tmp_path, monkeypatch):
    """Puts a shell script in the place of every tool."""

    def install(script: str) -> None:
        path = tmp_path / "tool"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(toolchain, "find_tool", lambda name: str(path))

    return install
