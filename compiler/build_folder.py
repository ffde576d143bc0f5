"""The build folder: program image, manifest, model and Verilog, tied together by their digests."""

import os
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import msgspec
import numpy as np

from arch.cache import cache_folder
from arch.child import python_command
from arch.errors import OnefourError
from arch.files import read_bytes
from arch.machine import Machine
from compiler.candidates.compared import with_candidates
from compiler.describe import describe
from compiler.flow import Compiled
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import scale_of_input, self_contained
from compiler.output_folder import OutputError, new_folder, output_folder
from compiler.tail import describe_tail
from golden.network import Network
from host.description import Description, DescriptionError, parse_description, read_record
from host.detection import check_outputs
from host.image import Image, ImageError
from host.manifest import (
    AGAIN,
    PIECE_FILE,
    Manifest,
    ManifestError,
    Tail,
    digest,
    read_manifest,
    sealed_record,
    write_manifest,
)
from host.memory import memory_with_picture

MANIFEST = "manifest.json"
PROGRAM = "program.bin"
MODEL = "model.onnx"
TAIL = "tail.onnx"
VERILOG = "accelerator.v"
WRITTEN = (PROGRAM, MODEL, TAIL, VERILOG)
"""Files that a build may hold beside its manifest; and those of pieces (``PIECE_FILE``)."""


class BuildError(OnefourError):
    """A folder that is not a whole build, or whose parts do not belong together."""


def written_by_us(folder: Path) -> list[str]:
    """Names of the files that a build wrote into ``folder`` and that are still what it wrote.

    :class:`OutputError` where the folder is not a build, or where a file that a new build would
    replace is not the one that the old build wrote.
    """
    try:
        files = sealed_record(read_bytes(folder / MANIFEST)).get("files")
    except (OSError, ManifestError):
        files = None
    if not isinstance(files, dict):
        raise OutputError(
            f"{folder}: exists and is not a build folder as this version of onefour writes them; "
            f"nothing in it has been touched. Choose another with -o, or remove it yourself"
        )
    pieces = (path.name for path in folder.glob("host*.onnx") if PIECE_FILE.fullmatch(path.name))
    names = [*WRITTEN, *sorted(pieces)]
    for name in names:
        path = folder / name
        if not os.path.lexists(path):
            continue
        if path.is_symlink() or not path.is_file() or digest(path.read_bytes()) != files.get(name):
            raise OutputError(
                f"{path}: is not what the build wrote there, and a new build would replace it; "
                f"move it away, or choose another folder with -o"
            )
    return [MANIFEST, *names]


def check_output(folder: Path) -> None:
    """:class:`OutputError` unless a build can be written to ``folder``; changes nothing."""
    output_folder(folder, written_by_us)


def compiled_manifest(
    compiled: Compiled, model: str | Path, input_scale: float, side_car: Path | None = None
) -> Manifest:
    """The manifest of a network that was just compiled, but for the digests of the files."""
    manifest = describe(compiled)
    if side_car is not None:
        record = read_record(side_car)
        tail = _checked(side_car, parse_description(record), compiled, manifest)
        manifest = msgspec.structs.replace(manifest, detection=record, tail=tail)
    return msgspec.structs.replace(manifest, input_scale=scale_of_input(model, input_scale))


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
    manifest = compiled_manifest(compiled, model, input_scale, side_car)
    content = {PROGRAM: compiled.image.to_bytes(), MODEL: self_contained(model)}
    if compiled.parts is not None:
        content[TAIL] = compiled.parts.model.SerializeToString()
    content |= {f"{piece.name}.onnx": piece.model for piece in compiled.network.pieces}
    with new_folder(folder, written_by_us) as scratch:
        if verilog:
            write_verilog(compiled.machine, scratch / VERILOG)
            content[VERILOG] = (scratch / VERILOG).read_bytes()
        for name, data in content.items():
            (scratch / name).write_bytes(data)
        files = {name: digest(data) for name, data in content.items()}
        sealed = write_manifest(msgspec.structs.replace(manifest, files=files))
        (scratch / MANIFEST).write_text(sealed)
    return folder


def _checked(
    path: Path, description: Description, compiled: Compiled, manifest: Manifest
) -> Tail | None:
    """The manifest's tail, once the description beside the model is known to fit its outputs."""
    network = compiled.network
    try:
        if description.head is not None:
            shapes = [network.shape(output.tensor) for output in network.outputs]
            check_outputs(network.outputs, shapes, description.head)
            return manifest.tail
        if compiled.parts is None:
            raise DescriptionError(
                "'layout' is about outputs that the host computes, and this network's are raw "
                "maps: give 'head', 'strides' and 'anchors'"
            )
        size = network.shape(network.input)[1:]
        return describe_tail(compiled.parts, size, description)
    except DescriptionError as error:
        raise DescriptionError(f"{path}: {error}") from None


def write_verilog(machine: Machine, path: Path) -> None:
    """The machine's Verilog, by the command that anyone can run: ``python -m hw.verilog``.

    A process of its own, because the compiler stands before the hardware and imports nothing of it.
    """
    # A large machine takes ten seconds to write, and is the same for every network.
    arguments = ["--machine", machine.name, "-o", str(path)]
    arguments += ["--cache", str(cache_folder("verilog"))]
    command = python_command("hw.verilog", arguments)
    # Amaranth's names come from sets: the text is the same on every run only with this.
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1].removeprefix("onefour: ")
        raise ImageError(f"Verilog for machine {machine.name!r} could not be written: {last}")


@dataclass(frozen=True)
class Build:
    """A build folder as read back."""

    folder: Path
    manifest: Manifest
    image: Image

    @property
    def machine(self) -> Machine:
        return self.manifest.machine

    @property
    def model(self) -> Path:
        """The ONNX file that the build was made from."""
        return self.folder / MODEL

    @cached_property
    def tail(self) -> bytes | None:
        """What the host computes behind the program; None where that gives all results."""
        return read_bytes(self.folder / TAIL) if self.manifest.tail is not None else None

    @cached_property
    def pieces(self) -> dict[str, bytes]:
        """What the host computes in mid-network: files by their names."""
        return {piece.file: read_bytes(self.folder / piece.file) for piece in self.manifest.pieces}

    @cached_property
    def network(self) -> Network:
        """The integer network, read again from the model in the folder."""
        manifest = self.manifest
        network = with_candidates(
            read_network(self.model, input_scale=manifest.input_scale),
            manifest.candidates,
            manifest.machine.image_channels,
        )
        if not _belongs(manifest, network):
            raise BuildError(f"{self.folder}: {MODEL} is not the network of {MANIFEST}; {AGAIN}")
        return network

    def memory(self, codes: np.ndarray) -> np.ndarray:
        """Memory as the machine finds it, uint8 [bytes]: the program image and the picture."""
        return memory_with_picture(self.image, self.manifest, codes)


def _belongs(manifest: Manifest, network: Network) -> bool:
    """Whether a manifest speaks of this network's picture, tensors and outputs."""
    size = manifest.picture
    if network.shape(network.input) != (size.channels, size.height, size.width):
        return False
    known = network.tensors.keys() | network.raw_shapes.keys()
    return [(o.name, o.tensor) for o in manifest.outputs] == [
        (o.name, o.tensor) for o in network.outputs
    ] and all(
        layer.tensor in known
        and network.shape(layer.tensor) == (layer.channels, layer.height, layer.width)
        for layer in manifest.layers
    )


def read_build(folder: str | Path) -> Build:
    """Read a build folder; raises :class:`BuildError` where something is missing or damaged."""
    folder = Path(folder)
    try:
        manifest = read_manifest(read_bytes(folder / MANIFEST))
        own = (piece.file for piece in manifest.pieces)
        for name in (PROGRAM, MODEL, *(TAIL,) * (manifest.tail is not None), *own):
            if digest(read_bytes(folder / name)) != manifest.files.get(name):
                raise ManifestError(f"{name} is damaged or of another build")
        image = Image.read(folder / PROGRAM)
        image.check_machine(manifest.machine)
        if (image.memory_bytes, image.program_address) != (
            manifest.memory_bytes,
            manifest.program_address,
        ):
            raise ManifestError(f"{PROGRAM} is for another size of memory")
    except (OSError, OnefourError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BuildError(f"{folder}: not a complete build folder ({reason}); {AGAIN}") from None
    return Build(folder, manifest, image)
