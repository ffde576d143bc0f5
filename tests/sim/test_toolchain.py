"""Tests of the simulator's commands."""

import os

import pytest

from sim.runtime import SMALLEST, TOP
from sim.toolchain import ARGUMENTS, VerilatorRunner, verilator_environment

pytestmark = pytest.mark.cosim


def test_no_python_of_the_path_is_called(tmp_path, monkeypatch):
    other = tmp_path / "bin" / "python"
    other.parent.mkdir()
    other.write_text("#!/bin/sh\nexit 1\n")
    other.chmod(0o755)
    monkeypatch.setenv("PATH", f"{other.parent}{os.pathsep}{os.environ['PATH']}")
    source = tmp_path / "smallest.v"
    source.write_text(SMALLEST)
    with verilator_environment():
        for runner in (VerilatorRunner("verilate"), VerilatorRunner("make", ("Vtop__ALL.o",))):
            runner.build(
                sources=[source],
                hdl_toplevel=TOP,
                build_args=list(ARGUMENTS),
                build_dir=tmp_path / "work",
                log_file=tmp_path / "build.log",
            )
    assert (tmp_path / "work" / "Vtop__ALL.o").exists()
