"""Compiles the programs that come with this folder as source."""

import subprocess
from pathlib import Path

from boards.toolchain import ToolError


def compiled(source: Path, folder: Path) -> str:
    """Compile ``source`` into ``folder`` and return the program's path.

    Raises :class:`boards.toolchain.ToolError` where g++ is missing or says no.
    """
    program = folder / source.stem
    command = ["g++", "-O2", "-std=c++17", "-o", str(program), str(source)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        raise ToolError("g++ is not installed") from None
    except subprocess.CalledProcessError as error:
        raise ToolError(f"{' '.join(command)}\n{error.stderr}") from None
    return str(program)
