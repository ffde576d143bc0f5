"""Child processes import our modules, whatever lies in the working directory."""

import subprocess

from arch.cache import cache_folder
from arch.child import ROOT, python_command


def test_modules_of_the_working_directory_are_not_taken(tmp_path):
    for name in ("arch.py", "amaranth.py", "json.py"):
        (tmp_path / name).write_text("raise RuntimeError('of the user')")
    (tmp_path / "hw").mkdir()
    (tmp_path / "hw" / "__init__.py").write_text("raise RuntimeError('of the user')")
    command = python_command("hw.verilog", ["--machine", "none"])
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.stderr == (
        "onefour: machine 'none' is not known; known: tiny, ecp5_25f, ecp5_45f, ecp5_85f, "
        "ecp5_85f_16x8, ecp5_85f_4bit, gw2a_18\n"
    )
    assert ended.returncode == 2
    assert (ROOT / "pyproject.toml").exists()


def test_caches_lie_beside_no_build(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ONEFOUR_CACHE", raising=False)
    assert cache_folder("sim") == tmp_path / "build" / ".cache" / "sim"
    monkeypatch.setenv("ONEFOUR_CACHE", "kept")
    assert cache_folder("sim") == cache_folder("verilog") == tmp_path / "kept"
