"""The compiler from end to end: ONNX file, integer network, works, schedule, program image."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from arch.isa import CHUNK_BYTES
from arch.machine import Machine
from compiler.backend.layer import Layer
from compiler.backend.lower import Lowered, lower
from compiler.backend.schedule import Scheduler
from compiler.backend.storage import Storage, round_up
from compiler.cost.frame import READ_LATENCY, WRITE_LATENCY, Prediction, predict
from compiler.errors import CapacityError
from compiler.frontend.pipeline import read_network
from golden.network import Network, Output
from host.image import LARGEST, Image, machine_digest
from host.manifest import Forecast, Manifest, Picture, Result, StoredMap

PAGE = 4096


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

    def manifest(self) -> Manifest:
        """What a host needs: where the picture goes, where layers' codes and the results lie."""
        prediction = self.prediction
        return Manifest(
            network=self.network.name,
            machine=self.machine,
            memory_bytes=self.image.memory_bytes,
            program_address=self.image.program_address,
            picture=_picture(self.lowered.storages[self.network.input]),
            layers=tuple(self._stored_map(name) for name in self._stored()),
            outputs=tuple(_result(output) for output in self.network.outputs),
            fused=self.lowered.fused,
            bit_operations=sum(layer.work.bit_operations for layer in self.layers),
            prediction=Forecast(
                cycles=prediction.cycles, read_latency=READ_LATENCY, write_latency=WRITE_LATENCY
            ),
        )

    def _stored(self) -> list[str]:
        return list(dict.fromkeys(layer.work.output for layer in self.layers))

    def _stored_map(self, name: str) -> StoredMap:
        storage = self.lowered.storages[name]
        layers = [layer for layer in self.layers if layer.work.output == name]
        tensor = storage.tensor
        computes = [step.ordinal for layer in layers for step in layer.computes]
        relations = [layer.relation for layer in layers if storage.kind == "raw"]
        return StoredMap(
            tensor=tensor,
            storage=name,
            onnx=self.network.onnx_names.get(tensor, tensor),
            kind=storage.kind,
            operators=tuple(dict.fromkeys(o for layer in layers for o in layer.work.operators)),
            first_compute=min(computes),
            last_compute=max(computes),
            first_cycle=self.prediction.computes[min(computes)].first_pass,
            last_cycle=self.prediction.computes[max(computes)].stored,
            address=storage.position(0, 0, 0),
            image_bytes=storage.image_bytes,
            row_bytes=storage.row_bytes,
            position_bytes=storage.position_bytes,
            planes=storage.planes,
            channels=storage.channels,
            height=storage.height,
            width=storage.width,
            bits=storage.bits,
            multiplier=storage.multiplier,
            shift=storage.shift,
            bit_operations=sum(layer.work.bit_operations for layer in layers),
            base=tuple(int(base) for relation in relations for base in relation.base),
            step=tuple(relation.step for relation in relations for _ in relation.base),
            divisor=tuple(relation.divisor for relation in relations for _ in relation.base),
        )


def _result(output: Output) -> Result:
    return Result(
        name=output.name,
        tensor=output.tensor,
        scale=tuple(map(float, output.scale)),
        bias=tuple(map(float, output.bias)),
    )


def _picture(storage: Storage) -> Picture:
    return Picture(
        tensor=storage.name,
        address=storage.position(0, 0, 0),
        row_bytes=storage.row_bytes,
        channels=storage.channels,
        height=storage.height,
        width=storage.width,
        pad=storage.pad_code,
    )


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
    name = Path(path).stem.encode("utf-8", "replace").decode()
    return compile_network(replace(network, name=name), machine)
