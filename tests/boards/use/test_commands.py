"""``python -m boards`` for boards: a simulated one does all, a missing one says what to do."""

import json
import re
import shutil
import sys

import numpy as np
import pytest

import boards.__main__
import compiler.__main__
from arch.machine import TINY
from arch.memory import SDR16_100
from compiler.build_folder import read_build, write_build
from compiler.flow import compile_file
from host import serial_line
from host.serial_line import LineError, port_advice, the_port
from tests.samples.detectors import compiled, frame, raw_maps
from tests.samples.small_onnx import Net

SIZE = 16


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """A small network on the machine that simulates fastest."""
    folder = tmp_path_factory.mktemp("board")
    net = Net((1, 3, SIZE, SIZE))
    x = net.quant(net.conv(net.quant("x", 1 / 255, bits=8), 16, 3))
    net.head(net.quant(net.conv(x, 16, 16)), 16)
    path = folder / "small.onnx"
    path.write_bytes(net.model().SerializeToString())
    write_build(
        compile_file(path, TINY, SDR16_100), folder / "build", path, input_scale=1 / 255,
        verilog=False,
    )  # fmt: skip
    codes = np.random.default_rng(1).integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
    np.save(folder / "picture.npy", codes)
    return folder


def _run(*arguments: object) -> int:
    return boards.__main__.main([str(argument) for argument in arguments])


@pytest.mark.cosim
def test_a_frame_on_a_simulated_board(build, capfd):
    """Program, picture and results over the line; memory behind the pads is golden's."""
    picture = build / "picture.npy"
    status = _run("run", build / "build", "--simulate", "--whole-link", "--image", picture)
    told = capfd.readouterr()
    assert status == 0, told
    assert "in the simulated memory equal golden; no breach of its timing" in told.out
    assert "frames/s one after another" in told.out
    assert "mended" not in told.out


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    """A detector whose program says where boxes of 0.9 can be, and a picture."""
    folder = tmp_path_factory.mktemp("detector")
    made, _ = compiled(path := raw_maps(folder), TINY, 0.9)
    side_car = path.with_suffix(".json")
    write_build(
        made, folder / "build", path, input_scale=1 / 255, side_car=side_car, verilog=False
    )
    np.save(folder / "picture.npy", frame(np.random.default_rng(1)).codes)
    return folder


@pytest.mark.cosim
@pytest.mark.slow
def test_candidates_alone_over_the_line(detector, capfd):
    """What was not fetched makes no difference: the boxes are those of golden's whole results."""
    command = ["run", detector / "build", "--simulate", "--image", detector / "picture.npy"]
    assert _run(*command, "--score", 0.9) == 0
    told = capfd.readouterr().out
    found = re.search(r"results: (\d+) of (\d+) bytes, those of places that can be boxes", told)
    assert 0 < int(found[1]) < int(found[2])
    assert " 0 boxes" not in told
    assert "boxes, as in the whole results of golden" in told
    # The same picture, in flight.
    assert _run("run", detector / "build", "--simulate", "--image", detector, "--score", 0.9) == 0
    told = capfd.readouterr().out
    assert "two frames in flight" in told
    assert found[0] in told
    assert "the boxes of every picture equal golden, and " in told
    assert "mended" not in told


def test_traffic(detector, capfd, tmp_path):
    """What a frame moves, before and after; the boxes are the same."""
    record = tmp_path / "line.json"
    command = ["traffic", detector / "build", "--image", detector / "picture.npy"]
    assert _run(*command, "--score", 0.9, "--record", record) == 0
    assert "the same of all results and of the candidates'" in capfd.readouterr().out
    by_name = {each["name"].partition(".tiny.")[2]: each for each in json.loads(record.read_text())}
    assert by_name["candidates.bytes"]["value"] < by_name["results.bytes"]["value"]
    assert by_name["picture.ms_3"]["value"] == pytest.approx(
        4 * by_name["picture.ms_12"]["value"], rel=1e-3
    )
    assert _run(*command, "--score", 0.8) == 0
    assert "candidates" not in capfd.readouterr().out


@pytest.fixture(scope="module")
def hosted(tmp_path_factory):
    """The same detector with its heads on the host."""
    folder = tmp_path_factory.mktemp("hosted")
    options = ["--machine", "tiny", "--confidence", "0.9", "--heads", "host", "--no-verilog"]
    command = ["build", str(raw_maps(folder)), *options, "-o", str(folder / "build")]
    assert compiler.__main__.main(command) == 0
    np.save(folder / "picture.npy", frame(np.random.default_rng(1)).codes)
    return folder


@pytest.mark.cosim
@pytest.mark.slow
def test_heads_of_the_host_over_the_line(hosted, capfd):
    command = ["run", hosted / "build", "--simulate", "--image", hosted / "picture.npy"]
    assert _run(*command, "--score", 0.9) == 0
    told = capfd.readouterr().out
    assert "in the simulated memory equal golden" in told
    assert " 0 boxes" not in told
    assert "boxes, as in the whole results of golden" in told


def test_traffic_of_features(hosted, detector, capfd, tmp_path):
    """Fewer bytes than sums at the same places; the boxes are the same."""
    counts = []
    for number, folder in enumerate((hosted, detector)):
        record = tmp_path / f"{number}.json"
        command = ["traffic", folder / "build", "--image", folder / "picture.npy"]
        assert _run(*command, "--score", 0.9, "--record", record) == 0
        found = {each["name"].split(".")[-2:][0]: each["value"]
                 for each in json.loads(record.read_text()) if each["unit"] == "bytes"}  # fmt: skip
        counts.append(found["candidates"])
        assert ("results" in found) == (folder is detector)
    assert counts[0] < counts[1]
    assert "the same of all features and of the candidates'" in capfd.readouterr().out


@pytest.mark.parametrize("command", ["run", "traffic"])
def test_a_lower_score_than_heads_are_for(hosted, capfd, command):
    arguments = [command, hosted / "build", "--image", hosted / "picture.npy", "--score", 0.5]
    assert _run(*arguments) == 2
    assert "build it again with --confidence 0.5" in capfd.readouterr().err


def test_traffic_of_what_has_no_boxes(build, capfd):
    assert _run("traffic", build / "build", "--image", build / "picture.npy") == 2
    assert "nothing is known of boxes" in capfd.readouterr().err


@pytest.mark.cosim
@pytest.mark.slow
def test_a_folder_of_pictures(build, capfd, tmp_path):
    """In flight they are as golden says, and more a second than one after another."""
    chance = np.random.default_rng(2)
    for number in range(4):
        codes = chance.integers(0, 256, (3, SIZE, SIZE), dtype=np.uint8)
        np.save(tmp_path / f"picture{number}.npy", codes)
    rates, record = [], tmp_path / "record.json"
    for more in (["--record", record], ["--one-by-one"]):
        assert _run("run", build / "build", "--simulate", "--image", tmp_path, *more) == 0
        told = capfd.readouterr().out
        assert "the results of every picture equal golden, and " in told
        assert "no breach" in told
        assert "limits it" in told
        assert "mended" not in told
        rates.append(float(re.search(r"([\d.]+) frames/s", told)[1]))
    assert rates[0] > 1.2 * rates[1]
    recorded = {each["unit"]: each for each in json.loads(record.read_text())}
    assert recorded["frames/s"]["config"]["frames_in_flight"] == 2
    # Both halves: what the last two frames left.
    image = read_build(build / "build").image
    assert recorded["bytes"]["value"] == 2 * image.memory_bytes


@pytest.fixture
def no_ports(monkeypatch):
    monkeypatch.setattr(serial_line, "serial_ports", lambda usb: [])


@pytest.fixture
def pictures(detector, tmp_path):
    """A folder of two."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(2):
        shutil.copy(detector / "picture.npy", folder / f"{number}.npy")
    return folder


@pytest.mark.cosim
@pytest.mark.slow
def test_a_folder_of_boxes(detector, pictures, tmp_path, capfd):
    drawn = tmp_path / "made" / "boxes"
    command = ["run", detector / "build", "--simulate", "--image", pictures, "--draw", drawn]
    assert _run(*command, "--score", 0.9) == 0, capfd.readouterr().err
    assert sorted(path.name for path in drawn.iterdir()) == ["0.png", "1.png"]


def test_a_folder_for_boxes_is_made_first(detector, pictures, tmp_path, capfd, no_ports):
    drawn = tmp_path / "made" / "boxes"
    arguments = "--image", pictures, "--draw", drawn, "--score", 0.9
    assert _run("run", detector / "build", *arguments) == 2
    assert "no ULX3S 25F is plugged in" in capfd.readouterr().err
    assert drawn.is_dir()


@pytest.mark.cosim
def test_the_memory_of_a_simulated_board(build, capfd):
    assert _run("test", build / "build", "--simulate", "--bytes", 1024) == 0
    told = capfd.readouterr().out
    assert "read timing 1: 0 of 1024 bytes wrong" in told
    assert "read timing 3: 0 of" not in told


@pytest.mark.cosim
def test_a_simulated_board_is_well(capfd):
    assert _run("doctor", "--simulate", "--board", "ulx3s-25f") == 0
    assert "yes  the board answers: Identity(number=2" in capfd.readouterr().out


def test_no_board_is_plugged_in(build, capfd, no_ports):
    assert _run("run", build / "build", "--image", build / "picture.npy") == 2
    told = capfd.readouterr().err
    assert "no ULX3S 25F is plugged in" in told
    assert "--port /dev/ttyUSB0; without a board: --simulate" in told


def test_no_right_to_the_port(tmp_path):
    port = tmp_path / "tty"
    port.touch()
    told = port_advice(str(port), PermissionError(13, "Permission denied"))
    assert "sudo usermod -a -G dialout $USER" in told
    assert "another program uses it" in port_advice(str(port), OSError(16, "Device busy"))
    assert "is the board plugged in?" in port_advice(str(tmp_path / "none"), OSError(2, "none"))


def test_a_port_that_is_none(build, capfd):
    port = build / "picture.npy"
    assert _run("run", build / "build", "--image", port, "--port", port) == 2
    assert f"{port}: cannot be opened (" in capfd.readouterr().err


def test_several_boards(monkeypatch):
    found = [serial_line.Found("/dev/ttyUSB0", ""), serial_line.Found("/dev/ttyUSB1", "")]
    monkeypatch.setattr(serial_line, "serial_ports", lambda usb: found)
    with pytest.raises(LineError, match=r"/dev/ttyUSB0, /dev/ttyUSB1; choose one with --port"):
        the_port((1, 2), "a board")


def test_only_simulations_are_recorded(build, capfd, tmp_path):
    picture, record = build / "picture.npy", tmp_path / "record.json"
    assert _run("run", build / "build", "--image", picture, "--record", record) == 2
    assert "it needs --simulate" in capfd.readouterr().err


def test_no_bitstream_yet(build, capfd, tmp_path):
    assert _run("flash", build / "build", "--out", tmp_path) == 2
    assert "there is none yet; make it with: python -m boards build" in capfd.readouterr().err


def test_an_unknown_board(build, capfd):
    assert _run("build", build / "build", "--board", "ulx4s") == 2
    assert "board 'ulx4s' is not known; known: ulx3s-12f," in capfd.readouterr().err


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("unable to open ftdi device", "sudo udevadm control --reload"),
        ("error while loading shared libraries: libusb-1.0.so.0", "sudo apt install libftdi1-2"),
    ],
)
def test_a_loader_that_fails(build, capfd, tmp_path, monkeypatch, said, advice):
    """What openFPGALoader says comes with what a Linux user can do."""
    (tmp_path / "board.bit").write_bytes(b"")
    (tmp_path / "board.json").write_text('{"board": "ulx3s-25f"}')
    loader = tmp_path / "loader"
    loader.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({said!r})\n")
    loader.chmod(0o755)
    monkeypatch.setattr("boards.use.loader.find_loader", lambda: str(loader))
    assert _run("flash", build / "build", "--out", tmp_path) == 2
    told = capfd.readouterr().err
    assert said in told
    assert advice in told
    assert ('ATTRS{idVendor}=="0403"' in told) == ("udevadm" in advice)
