"""A folder that a command writes as a whole: complete or not at all, and nothing of others is lost.

The new folder is made beside the old one and takes its place by renaming. What the old one holds is
removed only where the caller can tell that this product wrote it; everything else moves along.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from arch.errors import OnefourError

SCRATCH = ".onefour-"
"""Beginning of the names of folders that are not finished."""

Owned = Callable[[Path], list[str]]
"""Names of the files in a folder that may be replaced; :class:`OutputError` if it is not ours."""


class OutputError(OnefourError):
    """A place where nothing can be written, or only at the expense of something else."""


def output_folder(path: Path, owned: Owned) -> Path:
    """Where a folder called ``path`` would be written: links followed, checked, nothing changed.

    Raises :class:`OutputError` where it cannot be written, or holds what is not ours.
    """
    with one_message(path):
        target = path.resolve()
        if not path.name or target in (here := Path.cwd(), *here.parents):
            raise OutputError(
                f"{path}: is the working directory, or above it; name a folder of its own, such as "
                f"-o build/NAME"
            )
        if path.is_symlink() and not target.exists():
            raise OutputError(f"{path}: is a link to {target}, which does not exist; name a folder")
        if target.exists():
            _check_existing(path, target, owned)
        _check_writable(path, target.parent)
    return target


def _check_existing(path: Path, target: Path, owned: Owned) -> None:
    if not target.is_dir():
        raise OutputError(f"{path}: is a file; name a folder that is new, empty or an older build")
    if any(target.iterdir()):
        owned(target)
    if not os.access(target, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: is not writable; choose another folder with -o")


def _check_writable(path: Path, parent: Path) -> None:
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    try:
        tempfile.TemporaryDirectory(prefix=SCRATCH, dir=parent).cleanup()
    except OSError as error:
        raise OutputError(
            f"{path}: nothing can be written in {parent} ({error.strerror}); choose another folder "
            f"with -o"
        ) from None


@contextmanager
def new_folder(path: Path, owned: Owned) -> Iterator[Path]:
    """A scratch folder that becomes ``path`` when the block ends without an exception.

    Files of an older folder that ``owned`` names are gone then; others are still in it. Two
    processes may write one folder: each leaves it complete, and the later one stays.
    """
    target = output_folder(path, owned)
    with one_message(path):
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=target.parent))
    try:
        scratch.chmod(0o755)
        yield scratch
        with one_message(path), _locked(target.parent):
            _put_in_place(scratch, target, owned)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _put_in_place(scratch: Path, target: Path, owned: Owned) -> None:
    if not target.exists():
        scratch.rename(target)
        return
    replaced = owned(target) if any(target.iterdir()) else []
    aside = scratch.with_name(f"{scratch.name}.old")
    target.rename(aside)
    try:
        scratch.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    try:
        for entry in list(aside.iterdir()):
            if entry.name in replaced:
                entry.unlink()
            else:
                entry.rename(target / entry.name)
        aside.rmdir()
    except OSError as error:
        raise OutputError(
            f"{target}: is complete, but what else was in it is now in {aside} ({error.strerror}); "
            f"move it back by hand"
        ) from None


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Nobody else puts a folder in place here meanwhile; the lock ends with the process."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def one_message(path: Path) -> Iterator[None]:
    """Turn what the operating system refuses into an :class:`OutputError`."""
    try:
        yield
    except (OSError, ValueError, RuntimeError) as error:  # Path.resolve's: a loop of links
        reason = getattr(error, "strerror", None) or str(error)
        raise OutputError(f"{path}: cannot be written ({reason}); choose another folder") from None
