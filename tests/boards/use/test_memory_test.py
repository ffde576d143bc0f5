"""``python -m boards test``: what it tells and leaves behind; memory is right at some phases."""

import json
from contextlib import contextmanager
from types import SimpleNamespace

import pytest

import boards.__main__
from arch.link import BoardRegister
from boards.bitstream import BITSTREAM, CONFIGURATION, REPORT
from boards.use import memory_test

LINES = "word: CLKOS_CPHASE 0000111\nword: CLKOS_FPHASE 011\n"


class Link:
    """Reads what was written at the read timings that are good."""

    def __init__(self, good):
        self.good, self.late, self.written = good, 1, {}

    def read_register(self, address):
        assert address == BoardRegister.READ_LATE
        return self.late

    def write_register(self, address, value):
        assert address == BoardRegister.READ_LATE
        self.late = value

    def write(self, address, content):
        self.written[address] = content

    def read(self, address, length):
        content = self.written[address]
        return content if self.late in self.good else bytes(255 - byte for byte in content)


@pytest.fixture
def board(tmp_path, monkeypatch, tool):
    """A board whose memory is right from 5 to 7.5 ns on; what was loaded onto it."""
    tool("exit 0")
    (tmp_path / BITSTREAM).write_bytes(b"")
    (tmp_path / CONFIGURATION).write_text(LINES)
    report = {"board": "ulx3s-25f", "clock_mhz": 85.0, "memory_phase_ns": 7.353}
    (tmp_path / REPORT).write_text(json.dumps(report))
    loaded = []
    board = SimpleNamespace(
        loaded=loaded, good=lambda phase: {1} if phase is None or 5 <= phase <= 7.5 else set()
    )

    @contextmanager
    def opened(arguments, found, machine, phase_ns=None):
        identity = SimpleNamespace(memory_ready=True)
        device = SimpleNamespace(identify=lambda: identity, link=Link(board.good(phase_ns)))
        yield SimpleNamespace(device=device, board=found)

    monkeypatch.setattr(memory_test, "opened", opened)
    monkeypatch.setattr(memory_test, "load", lambda found, path: loaded.append(path.name))
    monkeypatch.setattr(memory_test, "check_tools", lambda: None)
    return board


def _test(*arguments: object) -> int:
    return boards.__main__.main(
        ["test", "--board", "ulx3s-25f", "--bytes", "512", *map(str, arguments)]
    )


def test_every_timing(board, capfd):
    assert _test() == 0
    told = capfd.readouterr().out
    assert "read timing 1: 0 of 512 bytes wrong" in told
    assert "read timing 2: 512 of 512 bytes wrong" in told
    assert "memory of ULX3S 25F: good at read timing 1" in told


def test_another_timing_is_good(board, capfd):
    board.good = lambda phase: {2}
    assert _test() == 2
    told = capfd.readouterr().err
    assert "not answer rightly at its usual read timing 1 (good: 2)" in told
    assert "docs/boards.md, 'When memory reads wrong'" in told


def test_a_sweep_leaves_the_best_phase(board, tmp_path, capfd):
    assert _test("--sweep", "--out", tmp_path) == 0
    told = capfd.readouterr().out
    assert "phase  2.52 ns: right at read timing none" in told
    assert "phase  5.67 ns: right at read timing 1" in told
    assert "best: phase 6.72 ns, read timing 1" in told
    assert board.loaded == ["phase.bit"] * 8 + [BITSTREAM]
    assert json.loads((tmp_path / REPORT).read_text())["memory_phase_ns"] == 6.723
    assert (tmp_path / CONFIGURATION).read_text() != LINES


def test_no_phase_is_right(board, tmp_path, capfd):
    board.good = lambda phase: set()
    assert _test("--sweep", "--out", tmp_path) == 2
    told = capfd.readouterr().err
    assert "no phase reads rightly at 85 MHz; build the bitstream with a lower --clock" in told
    assert (tmp_path / CONFIGURATION).read_text() == LINES


def test_nothing_to_sweep(board, tmp_path, capfd):
    assert _test("--sweep", "--out", tmp_path / "none") == 2
    assert "there is none yet; make it with: python -m boards build" in capfd.readouterr().err
