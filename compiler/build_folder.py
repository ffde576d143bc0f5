"""The build folder: program image, manifest, model and Verilog, tied together by their digests."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from arch.machine import Machine
from compiler.flow import Compiled
from compiler.frontend import read_network
from compiler.image import Image, ImageError
from compiler.onnx_reader import scale_of_input
from compiler.output_folder import OutputError, new_folder, output_folder
from golden.network import Network

MANIFEST = "manifest.json"
PROGRAM = "program.bin"
MODEL = "model.onnx"
VERILOG = "accelerator.v"
WRITTEN = (PROGRAM, MODEL, VERILOG)
"""Every file that a build may hold beside its manifest."""
FORMAT = "onefour build"
FORMAT_VERSION = 1


def digest(content: bytes) -> str:
    """SHA-256 of a file's content, as the manifest lists it."""
    return hashlib.sha256(content).hexdigest()


def seal(manifest: dict) -> dict:
    """The manifest with its fingerprint: the digest of everything else in it."""
    text = json.dumps(manifest, sort_keys=True)
    return manifest | {"fingerprint": digest(text.encode())}


def is_sealed(manifest: object) -> bool:
    """Whether this is the manifest of a build, and nothing of it has been changed since."""
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        return False
    content = {key: value for key, value in manifest.items() if key != "fingerprint"}
    return seal(content) == manifest and isinstance(manifest.get("files"), dict)


def written_by_us(folder: Path) -> list[str]:
    """Names of the files that a build wrote into ``folder`` and that are still what it wrote.

    :class:`OutputError` where the folder is not a build, or where a file that a new build would
    replace is not the one that the old build wrote.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
    except (OSError, ValueError, RecursionError):
        manifest = None
    if not is_sealed(manifest):
        raise OutputError(
            f"{folder}: exists and is not a build folder as this version of onefour writes them; "
            f"nothing in it has been touched. Choose another with -o, or remove it yourself"
        )
    for name in WRITTEN:
        path, wanted = folder / name, manifest["files"].get(name)
        if not os.path.lexists(path):
            continue
        if path.is_symlink() or not path.is_file() or digest(path.read_bytes()) != wanted:
            raise OutputError(
                f"{path}: is not what the build wrote there, and a new build would replace it; "
                f"move it away, or choose another folder with -o"
            )
    return [MANIFEST, *WRITTEN]


def check_output(folder: Path) -> None:
    """:class:`OutputError` unless a build can be written to ``folder``; changes nothing."""
    output_folder(folder, written_by_us)


def write_build(
    compiled: Compiled,
    folder: str | Path,
    model: str | Path,
    *,
    input_scale: float,
    side_car: Path | None = None,
    verilog: bool = True,
) -> Path:
    """Write the build folder in one step: either all of it appears, or nothing changes."""
    folder = Path(folder)
    scale = scale_of_input(model, input_scale)
    manifest = compiled.manifest() | {"input_scale": scale}
    if side_car is not None:
        manifest["detection"] = _read_side_car(side_car)
    content = {PROGRAM: compiled.image.to_bytes(), MODEL: Path(model).read_bytes()}
    with new_folder(folder, written_by_us) as scratch:
        if verilog:
            write_verilog(compiled.machine, scratch / VERILOG)
            content[VERILOG] = (scratch / VERILOG).read_bytes()
        for name, data in content.items():
            (scratch / name).write_bytes(data)
        files = {name: digest(data) for name, data in content.items()}
        manifest |= {"format": FORMAT, "format_version": FORMAT_VERSION, "files": files}
        text = json.dumps(seal(manifest), indent=1, allow_nan=False)
        (scratch / MANIFEST).write_text(text + "\n")
    return folder


def _read_side_car(path: Path) -> dict:
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ImageError(
            f"{path}: the detection description beside the model is not JSON ({error}); "
            f"mend or remove it"
        ) from None


def write_verilog(machine: Machine, path: Path) -> None:
    """The machine's Verilog, by the command that anyone can run: ``python -m hw.verilog``.

    A process of its own, because the compiler stands before the hardware and imports nothing of it.
    """
    command = [sys.executable, "-m", "hw.verilog", "--machine", machine.name, "-o", str(path)]
    # A large machine takes ten seconds to write, and is the same for every network.
    command += ["--cache", os.environ.get("ONEFOUR_CACHE", "build/verilog")]
    # Amaranth's names come from sets: the text is the same on every run only with this.
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise ImageError(f"Verilog for machine {machine.name!r} could not be written: {last}")


@dataclass(frozen=True)
class Build:
    """A build folder as read back."""

    folder: Path
    manifest: dict
    image: Image
    machine: Machine

    def network(self) -> Network:
        """The integer network, read again from the model in the folder."""
        return read_network(self.folder / MODEL, input_scale=self.manifest["input_scale"])


def read_build(folder: str | Path) -> Build:
    """Read a build folder; raises :class:`ImageError` where something is missing or damaged."""
    folder = Path(folder)
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        machine = Machine(**manifest["machine"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ImageError(
            f"{folder}: not a complete build folder ({error}); make one with: python -m "
            f"compiler build MODEL.onnx --board ecp5 -o {folder}"
        ) from None
    image = Image.read(folder / PROGRAM)
    image.check_machine(machine)
    return Build(folder, manifest, image, machine)
