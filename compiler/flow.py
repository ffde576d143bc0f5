"""The compiler from end to end: ONNX file, integer network, works, schedule, build folder."""

import json
import os
import shutil
import subprocess
import tempfile
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path

from arch.cache import cache_folder
from arch.child import python_command
from arch.isa import CHUNK_BYTES
from arch.machine import Machine
from compiler.cost import READ_LATENCY, WRITE_LATENCY, Prediction, predict
from compiler.errors import CapacityError
from compiler.frontend import read_network
from compiler.image import LARGEST, Image, ImageError, machine_digest
from compiler.layer import Layer
from compiler.lower import Lowered, lower
from compiler.onnx_reader import scale_of_input
from compiler.schedule import Scheduler
from compiler.storage import Storage, round_up
from golden.network import Network, Output

PAGE = 4096
MANIFEST = "manifest.json"
PROGRAM = "program.bin"
MODEL = "model.onnx"
VERILOG = "accelerator.v"


@dataclass(eq=False)
class Compiled:
    """A network on a machine: everything that a build folder is written from."""

    network: Network
    machine: Machine
    lowered: Lowered
    scheduler: Scheduler
    image: Image

    @property
    def layers(self) -> list[Layer]:
        return self.scheduler.layers

    @cached_property
    def prediction(self) -> Prediction:
        """The cycles of a frame, with memory as figures are given for."""
        return predict(self.image.memory(), self.image.program_address, self.machine)

    def manifest(self) -> dict:
        """What a host needs: where the picture goes, where layers' codes and the results lie."""
        return {
            "network": self.network.name,
            "machine": asdict(self.machine),
            "memory_bytes": self.image.memory_bytes,
            "program_address": self.image.program_address,
            "picture": _picture(self.lowered.storages[self.network.input]),
            "layers": [self._layer(name) for name in self._stored()],
            "outputs": [self._output(output) for output in self.network.outputs],
            "fused": self.lowered.fused,
            "bit_operations": sum(layer.work.bit_operations for layer in self.layers),
            "prediction": {
                "cycles": self.prediction.cycles,
                "read_latency": READ_LATENCY,
                "write_latency": WRITE_LATENCY,
            },
        }

    def _stored(self) -> list[str]:
        return list(dict.fromkeys(layer.work.output for layer in self.layers))

    def _layer(self, name: str) -> dict:
        storage = self.lowered.storages[name]
        layers = [layer for layer in self.layers if layer.work.output == name]
        tensor = name.split("@pad")[0]
        computes = [step.ordinal for layer in layers for step in layer.computes]
        entry = {
            "tensor": tensor,
            "storage": name,
            "onnx": self.network.onnx_names.get(tensor, tensor),
            "kind": storage.kind,
            "operators": list(dict.fromkeys(o for layer in layers for o in layer.work.operators)),
            "first_compute": min(computes),
            "last_compute": max(computes),
            "first_cycle": self.prediction.computes[min(computes)].first_pass,
            "last_cycle": self.prediction.computes[max(computes)].stored,
            "address": storage.position(0, 0, 0),
            "image_bytes": storage.image_bytes,
            "row_bytes": storage.row_bytes,
            "position_bytes": storage.position_bytes,
            "planes": storage.planes,
            "channels": storage.channels,
            "height": storage.height,
            "width": storage.width,
            "bits": storage.bits,
            "multiplier": storage.multiplier,
            "shift": storage.shift,
            "bit_operations": sum(layer.work.bit_operations for layer in layers),
        }
        if storage.kind == "raw":
            entry["base"] = [int(b) for layer in layers for b in layer.relation.base]
            entry["step"] = [layer.relation.step for layer in layers for _ in layer.relation.base]
            entry["divisor"] = [
                layer.relation.divisor for layer in layers for _ in layer.relation.base
            ]
        return entry

    def _output(self, output: Output) -> dict:
        return {
            "name": output.name,
            "tensor": output.tensor,
            "scale": [float(s) for s in output.scale],
            "bias": [float(b) for b in output.bias],
        }


def _picture(storage: Storage) -> dict:
    return {
        "tensor": storage.name,
        "address": storage.position(0, 0, 0),
        "row_bytes": storage.row_bytes,
        "channels": storage.channels,
        "height": storage.height,
        "width": storage.width,
        "pad": storage.pad_code,
    }


def compile_network(network: Network, machine: Machine) -> Compiled:
    """Lower, place, schedule and encode an integer network for a machine."""
    lowered = lower(network, lambda passes: 2 * passes <= machine.table_entries)
    for storage in lowered.storages.values():
        storage.raw_chunks = machine.raw_chunks
        storage.place(machine.beat_bytes, 0)
    scheduler = Scheduler(lowered.storages, lowered.works, machine)
    # Constants, then maps, then the program: only its length depends on the schedule.
    address, sections = PAGE, []

    def section(content: bytes) -> int:
        nonlocal address
        at = round_up(address, 64)
        sections.append((at, content))
        address = at + round_up(len(content), 64)
        return at

    for layer in scheduler.layers:
        layer.table_address = section(b"".join(e.to_bytes(16, "little") for e in layer.table))
        joined = section(b"".join(layer.weights))
        size = len(layer.weights[0])
        layer.weight_addresses = [joined + size * k for k in range(len(layer.weights))]
        if size % machine.beat_bytes:
            layer.weight_addresses = [section(block) for block in layer.weights]
        layer.threshold_addresses = [section(block) for block in layer.thresholds]
    for storage in lowered.storages.values():
        address = storage.place(machine.beat_bytes, address)
    scheduler.run()
    program_address = round_up(address, PAGE)
    scheduler.program.number(program_address)
    code = scheduler.program.encode(machine.beat_bytes)
    sections.append((program_address, code))
    memory_bytes = round_up(program_address + len(code), PAGE)
    if memory_bytes >= LARGEST:
        raise CapacityError(
            f"network {network.name!r}: needs {memory_bytes} bytes of memory; supported: "
            f"less than {LARGEST}; use a smaller picture"
        )
    fills = [fill for storage in lowered.storages.values() for fill in storage.fill()]
    image = Image(memory_bytes, program_address, machine_digest(machine), sections, fills)
    assert len(code) % CHUNK_BYTES == 0
    return Compiled(network, machine, lowered, scheduler, image)


def compile_file(path: str | Path, machine: Machine, *, input_scale: float = 1 / 255) -> Compiled:
    """Read an ONNX file and compile it for ``machine``."""
    network = read_network(path, input_scale=input_scale)
    # Exporters call every graph "main_graph"; the file's name says more.
    return compile_network(replace(network, name=Path(path).stem), machine)


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
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        scratch.chmod(0o755)
        (scratch / PROGRAM).write_bytes(compiled.image.to_bytes())
        scale = scale_of_input(model, input_scale)
        manifest = compiled.manifest() | {"input_scale": scale}
        if side_car is not None:
            manifest["detection"] = _read_side_car(side_car)
        (scratch / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
        shutil.copyfile(model, scratch / MODEL)
        if verilog:
            write_verilog(compiled.machine, scratch / VERILOG)
        if folder.exists():
            if any(folder.iterdir()) and not (folder / MANIFEST).exists():
                raise ImageError(
                    f"{folder}: exists and is not a build folder; choose another with -o, "
                    f"or remove it"
                )
            shutil.rmtree(folder)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
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
