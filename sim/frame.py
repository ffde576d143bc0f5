"""Whole frames of RTL: the accelerator's Verilog and a behavioural memory, nothing between."""

import json
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from arch.errors import OnefourError
from arch.machine import Machine
from arch.memory import IDEAL, Memory
from arch.registers import WATCHDOG_DEFAULT, ErrorCode
from arch.signals import ending_children
from sim.replay import Replay, read_hexadecimal, write_hexadecimal
from sim.tb_frame import JOB
from sim.toolchain import SimulationError
from sim.verilator import Model

TOP = "harness"
MODULE = "accelerator"
LEAST_MEMORY = 1 << 24
"""Bytes: small networks share one model."""
FIRST_FILES = ("memory.hex", "job.json")
RUN_FILES = (
    *FIRST_FILES, "writes.log", "simulation.log", "dump.hex", "result.json", "results.xml",
)  # fmt: skip
"""What a run writes to its folder: some at once, the others later."""
POLL_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What memory and host are like during a run."""

    memory: Memory = IDEAL
    #: Chance in 256 that a channel stalls, each cycle; ``seed`` decides when.
    stall: int = 0
    seed: int = 1
    watchdog: int = WATCHDOG_DEFAULT
    most_cycles: int = 1 << 31


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcome:
    """How a run ended: counters by register name, and memory."""

    done: bool
    error: ErrorCode
    number: int
    counters: dict[str, int]
    memory: np.ndarray
    #: From start to interrupt, on the computer that simulates.
    seconds: float

    @property
    def ended_well(self) -> bool:
        return self.done and not self.error


def frame_model(machine: Machine, verilog: str, memory_bytes: int, *, waves: bool = False) -> Model:
    """Return the model that frames of this machine run on."""
    here = Path(__file__).resolve().parent
    size = max(LEAST_MEMORY, 1 << (memory_bytes - 1).bit_length())
    return Model(
        TOP,
        {
            "accelerator.v": verilog,
            "memory.v": (here / "memory.v").read_text(),
            "harness.v": (here / "harness.v").read_text(),
        },
        {"DATA_BITS": machine.axi_data_bits, "SIZE": size},
        {"ACCELERATOR": MODULE},
        apart=("processing_element_*",),
        waves=waves,
    )


def memory_plusargs(memory: Memory) -> dict[str, int]:
    """Return what makes ``memory.v`` this memory."""
    return {name: value for name, value in asdict(memory).items() if name != "name"}


def check_place(folder: Path) -> None:
    """:class:`OnefourError` where files of a run would replace some that are of no run."""
    there = [name for name in RUN_FILES if (folder / name).exists()]
    if there and not all((folder / name).exists() for name in FIRST_FILES):
        raise OnefourError(
            f"{folder / there[0]}: is not of a run of this simulation, and would be replaced; name "
            f"another folder with --keep"
        )


def run_frame(
    model: Model,
    machine: Machine,
    memory: np.ndarray,
    program_address: int,
    conditions: Conditions = Conditions(),
    watch: Callable[[Replay], None] | None = None,
    folder: Path | None = None,
) -> Outcome:
    """Run the program in ``memory`` (not changed) and return how it ended.

    ``watch`` is called now and then, and once at the end, with the writes so far. Files go to
    ``folder``, or to one that is removed. Raises :class:`SimulationError` where the bench fails.
    """
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(_temporary("onefour-")))
        place = place.absolute()
        place.mkdir(parents=True, exist_ok=True)
        # An empty folder to run in: cocotb looks for modules there before all others.
        here = Path(stack.enter_context(_temporary("run-", place)))
        log = place / "writes.log"
        for old in (log, place / "result.json", place / "dump.hex"):
            old.unlink(missing_ok=True)
        write_hexadecimal(memory, machine.beat_bytes, place / "memory.hex")
        job = {
            "program_address": program_address,
            "seed": conditions.seed,
            "stall": conditions.stall,
            "watchdog": conditions.watchdog,
            "most_cycles": conditions.most_cycles,
            "dump": [0, memory.size // machine.beat_bytes - 1],
            "result": str(place / "result.json"),
        }
        (place / "job.json").write_text(json.dumps(job))
        plusargs = {
            "memory": place / "memory.hex",
            "dump": place / "dump.hex",
            "log": log,
            **memory_plusargs(conditions.memory),
        }
        failure: list[Exception] = []

        def simulate() -> None:
            try:
                model.run(
                    "sim.tb_frame",
                    here,
                    plusargs=plusargs,
                    environment={JOB: str(place / "job.json")},
                    log_level="WARNING",
                    log_file=place / "simulation.log",
                )
            except Exception as error:  # the other thread raises it
                failure.append(error)

        replay = Replay(memory.copy(), machine.beat_bytes, log)
        worker = threading.Thread(target=simulate, daemon=True)
        # Model.run would build in the other thread, where no signal arrives.
        model.build()
        with ending_children():
            worker.start()
            while worker.is_alive():
                worker.join(POLL_SECONDS)
                if watch is not None:
                    watch(replay)
        for made in here.iterdir():  # results.xml, a waveform
            made.replace(place / made.name)
        if failure:
            raise failure[0]
        if watch is not None:
            watch(replay)
        if not (place / "result.json").exists():
            raise SimulationError(
                f"the simulation ended without a result\n{_end(place / 'simulation.log')}"
            )
        result = json.loads((place / "result.json").read_text())
        return Outcome(
            done=result["status"]["done"],
            error=ErrorCode(result["status"]["error"]),
            number=result["status"]["number"],
            counters=result["counters"],
            memory=read_hexadecimal(place / "dump.hex", machine.beat_bytes),
            seconds=result["seconds"],
        )


def _temporary(prefix: str, place: Path | None = None) -> tempfile.TemporaryDirectory:
    # The simulator may still be writing when it is being ended.
    return tempfile.TemporaryDirectory(prefix=prefix, dir=place, ignore_cleanup_errors=True)


def _end(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:] if log.exists() else ""
