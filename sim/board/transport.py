"""A line to a board that is simulated: time passes only while something is asked for.

So a run is the same every time, however fast the computer is.
"""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection, Listener
from pathlib import Path

import numpy as np

from sim.board.tb_board import ADDRESS
from sim.replay import read_hexadecimal, write_hexadecimal
from sim.toolchain import SimulationError
from sim.verilator import Model

LATENCY_SECONDS = 0.0005
"""Of an answer: memory may be busy with the accelerator's bursts."""
LAST_CHARACTERS = 2000
"""Of a log that a message has in it."""
BACK_DOOR = "memory.hex"


class SimulatedBoard:
    """A transport (see :mod:`host.link`), and a back door to the memory and the reset button."""

    def __init__(self, bench: Connection, folder: Path, baud: float, silence: float, word: int):
        self.baud, self.silence, self.latency = baud, silence, LATENCY_SECONDS
        self._bench, self._folder, self._word = bench, folder, word
        self._now = 0.0

    def _ask(self, *request: object) -> object:
        try:
            self._bench.send(request)
            answer, self._now = self._bench.recv()
        except (EOFError, OSError):
            log = self._folder / "simulation.log"
            said = log.read_text(errors="replace")[-LAST_CHARACTERS:] if log.exists() else ""
            raise SimulationError(f"the simulated board ended early\n{said}") from None
        return answer

    def write(self, content: bytes) -> None:
        self._ask("give", content)

    def read(self, count: int, seconds: float) -> bytes:
        return self._ask("take", count, seconds)

    def wait(self, seconds: float) -> None:
        self._ask("wait", seconds)

    def now(self) -> float:
        return self._now

    def press_reset(self) -> None:
        """Press the board's button, and wait until its memory is initialised again."""
        self._ask("pulse", "button", 1e-6)

    def put_memory(self, content: np.ndarray, at: int | None = None) -> None:
        """Replace memory's bytes by the back door, in no time: those that are not 0 of the first
        ones, or all from the address ``at`` on."""
        first = None if at is None else at // self._word
        write_hexadecimal(content, self._word, self._folder / BACK_DOOR, first=first)
        self._ask("pulse", "load")

    def get_memory(self, size: int, at: int = 0) -> tuple[np.ndarray, int]:
        """Memory's bytes from ``at`` on by the back door, and the errors that it has counted."""
        first = at // self._word
        errors = self._ask("dump", first, first + size // self._word - 1)
        return read_hexadecimal(self._folder / "dump.hex", self._word), errors


@contextmanager
def simulated_board(
    model: Model,
    *,
    baud: float,
    silence: float,
    word: int,
    settings: dict[str, int] | None = None,
    folder: Path | None = None,
) -> Iterator[SimulatedBoard]:
    """Run ``model`` (its bench is :mod:`sim.board.tb_board`) as long as the context lasts.

    ``word`` is in bytes: of the memory. ``settings`` are plusargs.
    """
    model.build()
    with tempfile.TemporaryDirectory(prefix="onefour-", ignore_cleanup_errors=True) as scratch:
        place = (folder or Path(scratch)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        address = str(Path(scratch) / "socket")
        failure: list[Exception] = []
        listener = Listener(address, "AF_UNIX")

        def simulate() -> None:
            try:
                model.run(
                    "sim.board.tb_board",
                    place,
                    plusargs={
                        "memory": place / BACK_DOOR,
                        "dump": place / "dump.hex",
                        **(settings or {}),
                    },
                    environment={ADDRESS: address},
                    log_level="WARNING",
                    log_file=place / "simulation.log",
                )
            except Exception as error:  # told by the other thread
                failure.append(error)
            finally:
                listener.close()

        worker = threading.Thread(target=simulate, daemon=True)
        worker.start()
        try:
            bench = listener.accept()
        except OSError:
            worker.join()
            raise failure[0] if failure else SimulationError("the board did not start") from None
        try:
            with bench:
                yield SimulatedBoard(bench, place, baud, silence, word)
        finally:
            worker.join()  # it ends when the host hangs up
        if failure:
            raise failure[0]
