"""A network with a piece of the host, by the commands that people type."""

import numpy as np
import pytest
from PIL import Image

import compiler.__main__
import golden.__main__
from arch.machine import TINY
from compiler.build_folder import BuildError, read_build
from compiler.flow import compile_file
from tests.samples.host_pieces import attention


@pytest.fixture
def picture(tmp_path, rng):
    path = tmp_path / "picture.png"
    Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    return path


def built(tmp_path, blocks: int):
    path, folder = attention(4, blocks).save(tmp_path), tmp_path / "build"
    arguments = ["build", str(path), "--machine", "tiny", "--no-verilog", "-o", str(folder)]
    assert compiler.__main__.main(arguments) == 0
    return folder


def test_from_file_to_codes(tmp_path, picture, capfd):
    folder = built(tmp_path, 2)
    told = capfd.readouterr().out
    assert "the host computes in mid-network what the array does not have: Reshape x 6" in told
    assert "host1.onnx on the host: " in told
    assert "bytes to the host and" in told
    assert "ms on a line of 3 Mbaud" in told
    assert "one picture computed alike" in told
    build = read_build(folder)
    assert build.pieces.keys() == {"host0.onnx", "host1.onnx"}
    assert golden.__main__.main(["run", str(folder), "--image", str(picture),
                                 "--machine-check"]) == 0  # fmt: skip
    assert "ONNX graph, integer network and program agree" in capfd.readouterr().out
    assert compiler.__main__.main(["report", str(folder)]) == 0
    page = folder.with_suffix(".html").read_text()
    assert "host0.onnx on the host" in page
    capfd.readouterr()
    assert compiler.__main__.main(["disassemble", str(folder)]) == 0
    told = capfd.readouterr().out
    assert told.count("program at ") == told.count(" END") == 3


def test_a_build_with_fewer_pieces_leaves_none_of_the_old(tmp_path):
    folder = built(tmp_path, 2)
    built(tmp_path, 1)
    assert sorted(path.name for path in folder.glob("host*")) == ["host0.onnx"]


def test_a_file_of_the_users_own_stays(tmp_path):
    folder = built(tmp_path, 1)
    (folder / "host1.onnx").write_text("mine")
    with pytest.raises(AssertionError):
        built(tmp_path, 2)
    assert (folder / "host1.onnx").read_text() == "mine"


@pytest.mark.parametrize("change", [lambda path: path.unlink(), lambda path: path.write_bytes(b"")])
def test_a_piece_that_is_missing_or_damaged(tmp_path, change):
    folder = built(tmp_path, 1)
    change(folder / "host0.onnx")
    with pytest.raises(BuildError, match="not a complete build folder"):
        read_build(folder)


def test_maps_that_cross_a_piece_are_in_memory(tmp_path):
    """The skip over the attention, and what the host reads and writes; programs on their own."""
    compiled = compile_file(attention(4, 2).save(tmp_path), TINY)
    jobs = [placed.job for placed in compiled.plan.jobs]
    assert [job.segment for job in jobs] == sorted(job.segment for job in jobs)
    assert {job.segment for job in jobs} == {0, 1, 2}
    for name in compiled.plan.chip_maps:
        users = [job for job in jobs if job.output == name or name in dict(job.span.images)]
        assert len({job.segment for job in users}) == 1
    ordinals = [number for numbers in compiled.computes for number in numbers]
    assert sorted(ordinals) == list(range(len(compiled.prediction.computes)))
