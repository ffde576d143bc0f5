"""Files that a command writes."""

import os
import subprocess
import sys

import pytest

from arch.files import FileError, check_folder, check_target, read_bytes, read_text, write_whole


def message(action, *arguments, **options) -> str:
    with pytest.raises(FileError) as caught:
        action(*arguments, **options)
    return str(caught.value)


def test_targets_are_checked_and_their_folders_made(tmp_path):
    check_target(tmp_path / "a" / "b" / "c.json")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    (tmp_path / "file").touch()
    check_target(tmp_path / "file")
    assert message(check_target, tmp_path) == f"{tmp_path}: is a folder; name a file"
    assert "Not a directory" in message(check_target, tmp_path / "file" / "x")
    assert "File name too long" in message(check_target, tmp_path / ("x" * 300))
    assert "cannot be written to" in message(check_target, tmp_path.__class__("/proc/x/y"))
    assert "is a file, not a folder" in message(check_folder, tmp_path / "file")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_what_is_forbidden(tmp_path):
    tmp_path.chmod(0o555)
    assert "Permission denied" in message(check_target, tmp_path / "x")


def test_files_are_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "new" / "a.txt"
    write_whole(path, "größe")
    assert path.read_bytes() == "größe".encode()
    path.chmod(0o600)
    link = tmp_path / "link"
    link.symlink_to(path)
    write_whole(link, b"other")
    assert link.is_symlink()
    assert path.read_bytes() == b"other"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == ["a.txt"]
    assert "cannot be written" in message(write_whole, tmp_path, "x")
    assert message(write_whole, path.__class__("/dev/full"), "x").startswith("/dev/full: cannot")
    assert (path.__class__("/dev/full")).is_char_device()


def test_what_is_no_file_is_written_to(tmp_path):
    code = "from arch.files import write_whole; from pathlib import Path;"
    code += "write_whole(Path('/dev/stdout'), 'text')"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "text"


def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path.__class__("/dev/zero")):
        assert "Is a pipe or device, not a file" in message(read_text, path)
        with pytest.raises(OSError, match="pipe or device"):
            read_bytes(path)


def test_text_that_cannot_be_read(tmp_path):
    assert "No such file or directory" in message(read_text, tmp_path / "x")
    (tmp_path / "x").write_bytes(b"\xff\xfe\x00")
    assert message(read_text, tmp_path / "x").endswith("cannot be read (it is no text in UTF-8)")
