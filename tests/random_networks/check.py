"""One random network through everything: what came of it, and whether all results agree.

The ONNX graph, exact == the integer network == the program on the instruction-level machine.
"""

import re
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto

from arch.errors import OnefourError
from arch.machine import Machine
from arch.memory import MEMORIES, Memory
from compiler.build_folder import compiled_manifest
from compiler.check.frame import check_frame
from compiler.errors import DifferenceError
from compiler.flow import Compiled, compile_network
from compiler.frontend.pipeline import read_network
from golden import execute
from golden.machine import MachineError, check_races
from host.memory import memory_with_picture
from host.results import read_outputs

FAILURES = ("differs", "traceback")


@dataclass(frozen=True)
class Outcome:
    """``kind``: equal, refused, differs or traceback; ``reason`` in words."""

    kind: str
    reason: str = ""
    #: Codes compared: of the network with the graph, and of the program with the network.
    graph_codes: int = 0
    program_codes: int = 0
    compiled: Compiled | None = field(default=None, compare=False, repr=False)
    picture: np.ndarray | None = field(default=None, compare=False, repr=False)


def reason_of(error: Exception) -> str:
    """The kind of a message: without names and numbers."""
    text = re.sub(r"'[^']*'", "_", str(error))
    text = re.sub(r"-?\d[\d.e+-]*", "#", text)
    return f"{type(error).__name__}: {text.split(': ', 1)[-1][:70]}"


def memory_of(seed: int) -> Memory:
    """The memory that a network is compiled for: for two seeds in a row the same."""
    return list(MEMORIES.values())[seed // 2 % len(MEMORIES)]


def by_line(seed: int) -> bool:
    """Whether it is compiled for a board that gets its pictures over a serial line."""
    return seed % 3 == 2


def check(model: ModelProto, seed: int, machine: Machine, *, races: bool = False) -> Outcome:
    """Read, compile and run ``model`` on a random picture."""
    try:
        return _check(model, seed, machine, races)
    except (MachineError, DifferenceError) as error:
        return Outcome("differs", str(error))
    except OnefourError as error:
        if "defect of the compiler" in str(error):
            return Outcome("traceback", str(error))
        return Outcome("refused", reason_of(error))
    except Exception:
        return Outcome("traceback", traceback.format_exc(limit=-3))


def _check(model: ModelProto, seed: int, machine: Machine, races: bool) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="onefour-") as folder:
        path = Path(folder) / "random.onnx"
        onnx.save(model, path)
        network = read_network(path)
        compiled = compile_network(network, machine, memory_of(seed), line=by_line(seed))
        manifest = compiled_manifest(compiled, path, 1 / 255)
    shape = network.shape(network.input)
    picture = np.random.default_rng([seed, 2]).integers(0, 256, shape, dtype=np.uint8)
    if races:
        memory = memory_with_picture(compiled.image, manifest, picture)
        check_races(machine, memory, compiled.image.program_address)
    pieces = {f"{piece.name}.onnx": piece.model for piece in network.pieces}
    checked = check_frame(network, model, compiled.image, manifest, picture, pieces=pieces)
    floats = execute.outputs(network, checked.results)
    for name, values in read_outputs(checked.memory, manifest).items():
        if not np.array_equal(values, floats[name]):
            return Outcome("differs", f"output {name!r} as read from memory")
    compared = sum(checked.results[name].size for name in checked.references["float64"])
    return Outcome("equal", "", compared, checked.codes, compiled, picture)
