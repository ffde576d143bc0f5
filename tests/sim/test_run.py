"""``python -m sim run``: the bundled network on the tiny machine, from the command line's side."""

from pathlib import Path

import pytest

import sim.__main__
import sim.command
from arch.machine import TINY
from compiler.build_folder import write_build
from compiler.check.frame import check_frame
from compiler.flow import compile_file
from sim.frame import FIRST_FILES, check_place

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "shapes"
PICTURE = str(EXAMPLE / "picture0.png")


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A build without Verilog: the simulation writes its own."""
    model = EXAMPLE / "shapes.onnx"
    folder = tmp_path_factory.mktemp("run") / "build"
    write_build(
        compile_file(model, TINY),
        folder,
        model,
        input_scale=1 / 255,
        side_car=model.with_suffix(".json"),
        verilog=False,
    )
    return str(folder)


@pytest.mark.cosim
@pytest.mark.parametrize("stalls", [[], ["--stalls", "3", "--machine-check"]], ids=str)
def test_frame_of_the_bundled_network(build, tmp_path, capfd, stalls):
    boxes = tmp_path / "boxes.png"
    status = sim.__main__.main(
        ["run", build, "--image", PICTURE, "--draw", str(boxes), *stalls],
    )
    output = capfd.readouterr().out
    assert status == 0, output
    assert "RTL equals golden" in output
    assert "float64 0  machine 0  RTL 0" in output
    assert "kHz" in output
    assert boxes.exists()


@pytest.mark.cosim
def test_a_difference_ends_with_status_1(build, capfd, monkeypatch):
    def other(*arguments):
        checked = check_frame(*arguments)
        checked.layers[2].stored[1, 4, 3] ^= 1
        return checked

    monkeypatch.setattr(sim.command, "check_frame", other)
    assert sim.__main__.main(["run", build, "--image", PICTURE]) == 1
    assert ", channel 1, row 4, column 3: expected " in capfd.readouterr().err


@pytest.mark.parametrize(
    ("folder", "picture", "text"),
    [
        (None, "nowhere.png", "nowhere.png: no such file"),
        ("nowhere", PICTURE, "nowhere: not a complete build folder"),
    ],
)
def test_user_errors_end_with_status_2(build, capfd, folder, picture, text):
    assert sim.__main__.main(["run", folder or build, "--image", picture]) == 2
    assert text in capfd.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--draw", "boxes.hdr"], "boxes.hdr: pictures are not written as files with '.hdr'"),
        (["--draw", "boxes"], "boxes: pictures are not written as files with 'no ending'"),
        (["--draw", "/proc/x/boxes.png"], "/proc/x: cannot be written to"),
        (["--record", "."], ".: is a folder; name a file"),
        (["--record", "/proc/x/r.json"], "/proc/x: cannot be written to"),
        (["--keep", PICTURE], "picture0.png: is a file, not a folder"),
        (["--waves"], "--waves needs a folder"),
    ],
)
def test_targets_are_checked_before_the_simulation(build, capfd, monkeypatch, options, text):
    monkeypatch.setattr(sim.command, "check_frame", None)  # comes before it
    assert sim.__main__.main(["run", build, "--image", PICTURE, *options]) == 2
    output = capfd.readouterr()
    assert text in output.err
    assert output.err.startswith("onefour: ")
    assert output.out == ""


def test_what_others_keep_in_the_folder_stays(build, tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(sim.command, "check_frame", None)
    (tmp_path / "result.json").write_text("of the user")
    given = ["run", build, "--image", PICTURE, "--keep", str(tmp_path)]
    assert sim.__main__.main(given) == 2
    assert "result.json: is not of a run of this simulation" in capfd.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]
    for name in FIRST_FILES:
        (tmp_path / name).write_text("")
    check_place(tmp_path)


@pytest.mark.parametrize(
    "option",
    ["--score=nan", "--score=2", "--stalls=99999999999999999999", "--stalls=-1", "--latency=0"],
)
def test_numbers_are_checked_at_once(build, capfd, option):
    with pytest.raises(SystemExit) as caught:
        sim.__main__.main(["run", build, "--image", PICTURE, option])
    assert caught.value.code == 2
    assert f"argument {option.partition('=')[0]}: must be " in capfd.readouterr().err


def test_a_cache_that_cannot_be_written_is_told_first(build, capfd, monkeypatch):
    monkeypatch.setenv("ONEFOUR_CACHE", "/proc/x")
    monkeypatch.setattr(sim.command, "check_frame", None)
    assert sim.__main__.main(["run", build, "--image", PICTURE]) == 2
    output = capfd.readouterr()
    assert output.err.startswith("onefour: /proc/x: cannot be written to")
    assert output.out == ""


@pytest.mark.cosim
def test_modules_in_the_kept_folder_and_odd_names(build, tmp_path, capfd):
    keep = tmp_path / "a folder (1)"
    keep.mkdir()
    for name in ("numpy.py", "sim.py", "arch.py"):
        (keep / name).write_text("raise RuntimeError('of the user')")
    given = ["run", build, "--image", PICTURE, "--keep", str(keep), "--latency", "3"]
    record = tmp_path / "r.json"
    assert sim.__main__.main([*given, "--record", str(record)]) == 0, capfd.readouterr().err
    assert (keep / "results.xml").exists()
    assert not list(keep.glob("run-*"))
    assert '"read_latency": 3' in record.read_text()
