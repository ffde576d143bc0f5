"""Records say under which conditions a frame ran, and the command that repeats it."""

import argparse
import json
import shlex
from dataclasses import asdict, replace
from types import SimpleNamespace

import pytest

from arch.machine import TINY
from arch.memory import IDEAL, SDR16_133
from sim.__main__ import _parser
from sim.command import STALL_CHANCE, frame_run
from sim.record import records, write_records

BUILD = SimpleNamespace(
    manifest=SimpleNamespace(
        network="net",
        layers=[
            SimpleNamespace(
                storage=name, first_compute=number, last_compute=number, bit_operations=1000
            )
            for number, name in enumerate("ab")
        ],
        bit_operations=2000,
        prediction=SimpleNamespace(memory=IDEAL),
    ),
    machine=TINY,
)
PREDICTION = SimpleNamespace(computes=[SimpleNamespace(stored=40), SimpleNamespace(stored=100)])


def parsed(*options: str) -> argparse.Namespace:
    return _parser().parse_args(["run", "a build", "--image", "x.png", *options])


@pytest.mark.parametrize(
    "options",
    [
        [], ["--latency", "77"], ["--stalls", "1"], ["--latency", "3", "--stalls", "9"],
        ["--memory", "sdr16_133"], ["--memory", "ddr3_16", "--latency", "9"],
    ],
    ids=str,
)
def test_the_command_repeats_the_run(options):
    run = frame_run(parsed(*options), BUILD.manifest)
    words = shlex.split(run.command)
    assert words[:4] == ["python", "-m", "sim", "run"]
    assert frame_run(_parser().parse_args(words[3:]), BUILD.manifest) == run
    assert words[7:] == options


def counted(cycles):
    return {"cycles": cycles, "read_beats": 3, "write_beats": 5}


def test_records_have_the_conditions_of_the_run(tmp_path):
    run = frame_run(parsed(), BUILD.manifest)
    usual = records(run, BUILD, counted(110), 5, PREDICTION)
    assert [record["name"].split(".")[-1] for record in usual] == [
        "codes", "cycles", "rate", "utilisation", "bytes", "utilisation_rest",
    ]  # fmt: skip
    assert usual[0]["name"] == "frame.net.tiny.ideal.codes"
    assert "net on tiny with memory ideal: " in usual[0]["label"]
    assert usual[0]["config"]["memory"] == asdict(IDEAL)
    assert usual[4]["value"] == 3 * TINY.beat_bytes + 5 * TINY.transfer_bytes
    assert usual[3]["layers"] == {
        "a": round(1000 / 40 / TINY.binary_macs, 4), "b": round(1000 / 60 / TINY.binary_macs, 4),
    }  # fmt: skip
    run = frame_run(parsed("--latency", "77", "--stalls", "1"), BUILD.manifest)
    found = records(run, BUILD, counted(300), 5, None)
    for record in found:
        config = record["config"]
        assert config["memory"] == asdict(replace(IDEAL, read_latency=77))
        assert (config["stall"], config["seed"]) == (STALL_CHANCE, 1)
        assert record["command"].endswith("--latency 77 --stalls 1")
        assert record["name"].startswith("frame.net.tiny.ideal.read_latency_77.stall_64.seed_1.")
        assert "(read_latency 77, stall 64, seed 1)" in record["label"]
    slow = frame_run(parsed("--memory", "sdr16_133"), BUILD.manifest)
    (record, *_) = records(slow, BUILD, counted(300), 5, None)
    assert record["name"] == "frame.net.tiny.sdr16_133.codes"
    assert record["config"]["memory"] == asdict(SDR16_133)
    # Of single layers nothing is known when memory stalls.
    assert "layers" not in found[3]
    assert not [record for record in found if record["name"].endswith("_rest")]
    write_records(tmp_path / "new" / "r.json", found)
    assert json.loads((tmp_path / "new" / "r.json").read_text()) == found
