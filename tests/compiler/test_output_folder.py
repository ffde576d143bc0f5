"""A folder is written whole or not at all, and never at the expense of what others put there."""

import os
import threading

import pytest

from compiler.output_folder import OutputError, new_folder, output_folder


def ours(folder):
    """Folders with a file ``mark`` are ours, and so is ``data`` in them."""
    if not (folder / "mark").exists():
        raise OutputError(f"{folder}: not ours")
    return ["mark", "data"]


def write(path, text="new"):
    with new_folder(path, ours) as scratch:
        (scratch / "mark").write_text("")
        (scratch / "data").write_text(text)


def tree(folder):
    """Every file below ``folder``, with its content."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def test_new_nested_and_empty_folders(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new", "a/b/c", "empty"):
        write(tmp_path / name)
        assert (tmp_path / name / "data").read_text() == "new"
        assert not list((tmp_path / name).parent.glob(".onefour-*"))


def test_an_older_one_is_replaced_and_what_else_it_holds_stays(tmp_path):
    write(tmp_path / "x", "old")
    (tmp_path / "x" / "notes.txt").write_text("mine")
    (tmp_path / "x" / "src").mkdir()
    (tmp_path / "x" / "src" / "main.c").write_text("int main;")
    write(tmp_path / "x")
    found = tree(tmp_path / "x")
    assert found["data"] == b"new"
    assert (found["notes.txt"], found["src/main.c"]) == (b"mine", b"int main;")
    assert not list(tmp_path.glob(".onefour-*"))


def test_folders_of_others_are_refused_untouched(tmp_path):
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "manifest.json").write_text("{}")
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="not ours"):
        write(tmp_path / "web")
    assert tree(tmp_path) == before


@pytest.mark.parametrize("path", [".", "", "..", "/", "../here", "sub/.."])
def test_the_working_directory_and_above_are_refused(tmp_path, monkeypatch, path):
    here = tmp_path / "here"
    (here / "sub").mkdir(parents=True)
    (here / "mark").write_text("even where it is ours")
    monkeypatch.chdir(here)
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="working directory"):
        write(type(here)(path))
    assert tree(tmp_path) == before


def test_files_and_links(tmp_path):
    (tmp_path / "file").write_text("text")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "linked").symlink_to(tmp_path / "file")
    (tmp_path / "loop").symlink_to("loop")
    before = tree(tmp_path)
    for name in ("file", "file/below", "dangling", "linked", "loop", "loop/below"):
        with pytest.raises(OutputError) as caught:
            write(tmp_path / name)
        assert len(str(caught.value).splitlines()) == 1
    assert tree(tmp_path) == before
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "data").read_text() == "new"


@pytest.mark.parametrize("path", ["/proc/onefour", "/dev/null/x", "x" * 300, "nul\0"])
def test_impossible_places(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OutputError) as caught:
        write(tmp_path / path)
    assert len(str(caught.value).splitlines()) == 1
    assert tree(tmp_path) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is writable to root")
def test_unwritable_places(tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    for name in ("locked", "locked/below"):
        with pytest.raises(OutputError, match="written"):
            write(tmp_path / name)


def test_nothing_changes_when_the_work_fails(tmp_path):
    write(tmp_path / "x", "old")
    before = tree(tmp_path)

    def fail():
        with new_folder(tmp_path / "x", ours) as scratch:
            (scratch / "data").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert tree(tmp_path) == before


def test_the_old_one_comes_back_when_renaming_fails(tmp_path, monkeypatch):
    write(tmp_path / "x", "old")
    before = tree(tmp_path)
    rename = type(tmp_path).rename

    def no_new_one(self, target):
        if (self / "data").exists() and (self / "data").read_text() == "new":
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(type(tmp_path), "rename", no_new_one)
    with pytest.raises(OutputError, match="No space left"):
        write(tmp_path / "x")
    assert tree(tmp_path) == before


def test_what_appears_while_working_is_not_overwritten(tmp_path):
    def disturbed():
        with new_folder(tmp_path / "x", ours) as scratch:
            (scratch / "mark").write_text("")
            (tmp_path / "x").mkdir()
            (tmp_path / "x" / "theirs").write_text("1")

    with pytest.raises(OutputError, match="not ours"):
        disturbed()
    assert tree(tmp_path) == {"x": None, "x/theirs": b"1"}


def test_two_at_once_both_end_well(tmp_path):
    together, errors = threading.Barrier(2), []

    def build(text):
        try:
            with new_folder(tmp_path / "x", ours) as scratch:
                (scratch / "mark").write_text("")
                (scratch / "data").write_text(text)
                together.wait(10)
        except OutputError as error:
            errors.append(error)

    threads = [threading.Thread(target=build, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert (tmp_path / "x" / "data").read_text() in ("one", "two")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["x"]


def test_checking_changes_nothing(tmp_path):
    assert output_folder(tmp_path / "a" / "b", ours) == tmp_path / "a" / "b"
    assert tree(tmp_path) == {}
