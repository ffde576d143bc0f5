"""The console program: every command reaches its folder's main."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from onefour import __main__ as console

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("numpy", "onnx", "onnxruntime", "amaranth", "torch", "cocotb", "PIL")


def test_the_list_of_commands(capsys):
    assert console.main(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    for name, (_, _, text) in console.COMMANDS.items():
        assert [line for line in lines if line.split()[:1] == [name]] == [f"  {name:<12} {text}"]
        assert len(text) < 80


def test_the_list_imports_nothing_heavy():
    code = "import sys\nfrom onefour.__main__ import main\nmain(['--help'])\n"
    code += f"sys.exit(sum(name in sys.modules for name in {HEAVY}))"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=False)
    assert ended.returncode == 0


@pytest.mark.parametrize("argv", [[], ["bulid"]])
def test_other_words(argv, capsys):
    assert console.main(argv) == 2
    message = capsys.readouterr().err.splitlines()[-1]
    assert message.startswith("onefour: ")


@pytest.mark.parametrize("name", console.COMMANDS)
def test_commands_are_handed_on(name, monkeypatch):
    given = []

    def main(argv):
        given.append(argv)
        return 7

    def found(module):
        assert module == console.COMMANDS[name][0]
        return SimpleNamespace(main=main)

    monkeypatch.setattr(console, "import_module", found)
    assert console.main([name, "run", "--x"]) == 7
    assert given == [[*console.COMMANDS[name][1], "run", "--x"]]


@pytest.mark.parametrize("module", sorted({m for m, _, _ in console.COMMANDS.values()}))
def test_every_main_is_there(module):
    if not (ROOT / (module.replace(".", "/") + ".py")).exists():
        pytest.skip(f"no {module}")
    assert callable(import_module(module).main)


def test_the_program_is_installed_under_its_name():
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"onefour": "onefour.__main__:script"}


def test_verilog_is_the_same_in_every_run(tmp_path):
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONHASHSEED"}
    texts = set()
    for seed in ("1", "2"):
        path = tmp_path / f"{seed}.v"
        command = [sys.executable, "-m", "onefour", "verilog", "-o", str(path)]
        subprocess.run(command, cwd=ROOT, env=environment | {"PYTHONHASHSEED": seed}, check=True)
        texts.add(path.read_text())
    assert len(texts) == 1
