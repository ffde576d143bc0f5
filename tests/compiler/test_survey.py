"""``python -m compiler survey``: a row for every file and target, whatever happens to one."""

import json
from contextlib import suppress

import pytest

import compiler.__main__
from compiler import survey
from compiler.errors import DifferenceError
from compiler.survey import target
from tests.samples.float_net import branched, pictures_in
from tests.samples.small_onnx import quantised_net


def run(*arguments: object) -> int:
    return compiler.__main__.main(["survey", *map(str, arguments)])


@pytest.fixture
def quantised(tmp_path):
    net, x = quantised_net()
    net.head(x, 8)
    return net.save(tmp_path)


def test_a_row_for_every_file_and_target(quantised, tmp_path, capfd):
    broken = tmp_path / "broken.onnx"
    broken.write_text("no network")
    record = tmp_path / "record.json"
    on = ["--on", "tiny@100", "--on", "tiny:sdr16_133@50"]
    assert run(quantised, broken, *on, "--record", record) == 0
    told = capfd.readouterr().out
    first, second = json.loads(record.read_text())["files"]
    assert [frame["target"] for frame in first["frames"]] == [
        "tiny, ideal, 100 MHz", "tiny, sdr16_133, 50 MHz"
    ]  # fmt: skip
    for frame, mhz in zip(first["frames"], (100, 50), strict=True):
        assert frame["refused"] == ""
        assert frame["codes_compared"] > 0
        assert 0 < frame["useful"] < 1
        assert frame["frames_per_second"] == round(mhz * 1e6 / frame["cycles"], 2)
    assert first["frames"][0]["cycles"] < first["frames"][1]["cycles"]
    assert first["on_host"] == {}
    assert first["on_array"] > 0
    assert second["frames"] == []
    assert "broken.onnx: not an ONNX file" in second["refused"]
    assert told.count("| tiny, ") == 2
    assert f"| {quantised.name} | {first['on_array']} | 0 | tiny, sdr16_133, 50 MHz | " in told
    assert "| broken.onnx | | | all | refused, see below |" in told


def test_a_difference_is_no_refusal(quantised, monkeypatch, capfd):
    """It is a defect, and the command says so at its end."""

    def differ(*_, **__):
        raise DifferenceError("layer 'a': 1 of 5 differ")

    monkeypatch.setattr(survey, "check_frame", differ)
    assert run(quantised, "--on", "tiny") == 1
    captured = capfd.readouterr()
    assert "| tiny, ideal | **differs**, see below |" in captured.out
    assert "layer 'a': 1 of 5 differ" in captured.out
    assert "small.onnx: not computed alike" in captured.err
    assert run(quantised, "--on", "tiny", "--no-check") == 0


def test_float_networks(tmp_path, capfd):
    """They need bits; then what is behind the heads is the host's, and machines may refuse them."""
    model = branched("relu").save(tmp_path)
    assert run(model) == 0
    assert "a float network; give it bits: --quantize w8a8 --data DIR" in capfd.readouterr().out
    data = pictures_in(tmp_path / "pictures")
    given = ["--quantize", "w8a8", "--data", data, "--on", "tiny", "--on", "ecp5-25f"]
    assert run(model, *given) == 0
    told = capfd.readouterr().out
    on_array = int(told.partition("| small.onnx | ")[2].split()[0])
    assert f"| small.onnx | {on_array} | 0 | tiny, ideal | " in told
    assert f"| small.onnx | {on_array} | 0 | ecp5_25f, sdr16_133 | refused, see below |" in told
    assert f"small.onnx: all of {on_array} operators on the array" in told
    assert "Build for a machine with wide codes (tiny, ecp5_85f, ecp5_85f_16x8)" in told


@pytest.mark.parametrize("text", ["ecp6", "tiny:drum", "tiny@fast", "tiny@nan", "tiny@-5"])
def test_unknown_targets(text, quantised, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(quantised, "--on", text)
    assert "give BOARD[:MEMORY][@MHZ], such as ecp5-25f:ideal@90" in capsys.readouterr().err


def test_targets():
    found = target("ecp5-85f:ideal@70.5")
    assert (found.board.machine.name, found.board.memory.name) == ("ecp5_85f", "ideal")
    assert found.clock_mhz == 70.5
    assert target("tiny").clock_mhz is None


def test_a_stopped_run_goes_on(quantised, tmp_path, monkeypatch, capfd):
    """Files that the record has are not built again, however they were named; a changed one is."""
    record = tmp_path / "record.json"
    given = ["--on", "tiny@100", "--record", record]
    assert run(quantised, *given) == 0
    first = json.loads(record.read_text())["files"]
    built = []

    def count(*arguments, **named):
        built.append(arguments)
        return check_frame(*arguments, **named)

    check_frame = survey.check_frame
    monkeypatch.setattr(survey, "check_frame", count)
    other = quantised.with_name("other.onnx")
    other.write_bytes(quantised.read_bytes())
    assert run(quantised, other, *given, "--resume") == 0
    assert len(built) == 1
    rows = json.loads(record.read_text())["files"]
    assert rows[0] == first[0]
    assert [row["file"] for row in rows] == [quantised.name, "other.onnx"]
    assert rows[1]["frames"] == first[0]["frames"]
    assert capfd.readouterr().out.count("| tiny, ideal, 100 MHz |") == 3
    quantised.write_text("no network")
    assert run(quantised, *given, "--resume") == 0
    kept, changed = json.loads(record.read_text())["files"]
    assert kept == rows[1]
    assert "not an ONNX file" in changed["refused"]


def test_a_run_that_is_stopped_again_loses_nothing(quantised, tmp_path, monkeypatch):
    record, first = tmp_path / "record.json", tmp_path / "first.onnx"
    first.write_text("no network")
    given = ["--on", "tiny", "--no-check", "--record", record]
    assert run(first, quantised, *given) == 0
    whole = json.loads(record.read_text())["files"]
    other = tmp_path / "other.onnx"
    other.write_bytes(quantised.read_bytes())

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(survey, "_row", stop)
    with suppress(KeyboardInterrupt):
        run(first, other, quantised, *given, "--resume")
    assert json.loads(record.read_text())["files"] == whole


def test_what_cannot_be_gone_on_with(quantised, tmp_path, capfd):
    record = tmp_path / "record.json"
    assert run(quantised, "--on", "tiny", "--resume") == 2
    assert "name it with --record" in capfd.readouterr().err
    assert run(quantised, "--on", "tiny", "--no-check", "--record", record) == 0
    kept = record.read_bytes()
    assert run(quantised, "--on", "tiny", "--resume", "--record", record) == 2
    assert "recorded with compared False, and now True is asked for" in capfd.readouterr().err
    more = ["--no-check", "--first", 4]
    assert run(quantised, "--on", "tiny", *more, "--resume", "--record", record) == 2
    assert "recorded with ends {}, and now {'first': 4} is asked for" in capfd.readouterr().err
    assert record.read_bytes() == kept
    record.write_text('{"files": []}')
    assert run(quantised, "--on", "tiny", "--resume", "--record", record) == 2
    assert "is no record of a survey that can be gone on with" in capfd.readouterr().err
