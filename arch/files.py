"""Files that a command writes: checked before long work, and written whole or not at all."""

import errno
import os
import stat
import tempfile
from pathlib import Path

from arch.errors import OnefourError


class FileError(OnefourError):
    """A file that cannot be read or written as it has to be."""


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def check_folder(folder: Path, *, make: bool = True) -> None:
    """Make ``folder`` if need be; raise :class:`FileError` unless files can be written to it."""
    try:
        if make:
            folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        raise FileError(f"{folder}: is a file, not a folder; name another") from None
    except OSError as error:
        # tempfile names its own file, which says nothing to the user.
        raise FileError(f"{folder}: cannot be written to ({_reason(error)})") from None


def check_target(path: Path) -> None:
    """Raise :class:`FileError` unless a file ``path`` can be written; its folder is made.

    To be called before long work, whose result goes there.
    """
    try:
        status = path.stat()
    except FileNotFoundError:
        check_folder(path.parent)
        return
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({_reason(error)})") from None
    if stat.S_ISDIR(status.st_mode):
        raise FileError(f"{path}: is a folder; name a file")
    if not os.access(path, os.W_OK):
        raise FileError(f"{path}: cannot be written (Permission denied)")
    if stat.S_ISREG(status.st_mode):
        check_folder(path.resolve().parent, make=False)


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file in one step: after a failure the old one is there, or none.

    Folders are made. What is no regular file (a pipe, ``/dev/stdout``) is written to directly.
    Raises :class:`FileError`.
    """
    data = content.encode() if isinstance(content, str) else content
    scratch = None
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
            return
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        number, name = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
        scratch = Path(name)
        with os.fdopen(number, "wb") as stream:
            stream.write(data)
        scratch.chmod(target.stat().st_mode & 0o777 if target.exists() else 0o666 & ~_umask())
        scratch.replace(target)
    except OSError as error:
        raise FileError(f"{path}: cannot be written ({_reason(error)})") from None
    finally:
        if scratch is not None:
            scratch.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_bytes(path: Path) -> bytes:
    """The content of a file or OSError, also for pipes and devices: those may never end."""
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise OSError(errno.EINVAL, "Is a pipe or device, not a file", str(path))
    return path.read_bytes()


def read_text(path: Path) -> str:
    """The text of a file; raises :class:`FileError`."""
    try:
        return read_bytes(path).decode("utf-8")
    except OSError as error:
        raise FileError(f"{path}: cannot be read ({_reason(error)})") from None
    except UnicodeDecodeError:
        raise FileError(f"{path}: cannot be read (it is no text in UTF-8)") from None
