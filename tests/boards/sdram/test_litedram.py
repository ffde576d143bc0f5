"""LiteDRAM beside our controller: the same bursts, no beat wrong; a record of both."""

import argparse
import importlib.util
import json

import pytest

from arch import packages
from arch.errors import OnefourError
from arch.packages import MissingPackageError
from boards.resources import Size
from boards.sdram import bandwidth, comparison, litedram
from boards.sdram.comparison import OURS, THEIRS, Rate
from boards.sdram.part import ANY_16, ANY_32
from boards.sdram.traffic import litedram_model, send

needs_litedram = pytest.mark.skipif(
    not all(map(importlib.util.find_spec, litedram.TOOLS)),
    reason="LiteDRAM is not installed: pip install '.[litex]'",
)


def test_without_litedram_one_message(monkeypatch, capsys):
    found = packages.find_spec
    monkeypatch.setattr(
        packages, "find_spec", lambda name: None if name in litedram.TOOLS else found(name)
    )
    with pytest.raises(MissingPackageError, match=r"needs the package litedram; .*\[litex\]"):
        litedram.litedram_core(ANY_16, 64, 100.0)


def test_other_parts_are_refused(monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: name)
    with pytest.raises(OnefourError, match="compared on any_16, not on any_32"):
        litedram.litedram_core(ANY_32, 64, 100.0)


def test_a_record_is_of_a_comparison(tmp_path, capsys):
    assert bandwidth.main(["--record", str(tmp_path / "record.json")]) == 2
    assert "--record keeps a comparison; it needs --litedram" in capsys.readouterr().err


def test_the_record_has_both(tmp_path, monkeypatch):
    monkeypatch.setattr(litedram, "litedram_versions", lambda: {"litedram": "1"})
    rates = {
        ("reads", 8, "anywhere", OURS): Rate(megabytes=191.0, share=0.955),
        ("reads", 8, "anywhere", THEIRS): Rate(megabytes=158.1, share=0.79),
    }
    areas = {
        name: Size(slots=slots, flip_flops=9, block_rams=0)
        for name, slots in ((OURS, 700), (THEIRS, 1900))
    }
    path = tmp_path / "record.json"
    options = argparse.Namespace(port=64, clock=100.0, bursts=50)
    comparison.write_record(path, ANY_16, options, rates, areas)
    record = json.loads(path.read_text())
    (row,) = record["rates"]
    assert row["where"] == "anywhere"
    assert row[OURS] == {"megabytes": 191.0, "share": 0.955}
    assert row[THEIRS]["share"] == 0.79
    assert record["sizes"][THEIRS]["slots"] == 1900
    assert record["command"].startswith("python -m boards.sdram.bandwidth --litedram --wires 16")


@needs_litedram
@pytest.mark.slow
@pytest.mark.cosim
def test_litedram_behind_our_bench(tmp_path):
    """Random bursts with masks: what is measured is a controller that works."""
    found = send(litedram_model(ANY_16, 64, 100.0), tmp_path, kinds=3, bursts=100, masks=1)
    assert found.done
    assert (found.differing, found.sdram_errors) == (0, 0)
    assert found.refreshes > 4
