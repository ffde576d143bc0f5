"""One random network through everything: what came of it, and whether all results agree.

The ONNX graph in float64 == the integer network == the program on the instruction-level machine.
"""

import json
import re
import tempfile
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto

from arch.errors import OnefourError
from arch.machine import Machine
from compiler.compare import differing_codes
from compiler.errors import ReadError
from compiler.flow import Compiled, compile_network
from compiler.frontend import read_network
from compiler.host import read_layer, read_outputs, write_picture
from compiler.reference import run_float64
from golden import execute
from golden.machine import GoldenMachine, MachineError, check_races
from golden.network import Network
from tests.random_ties import explained

FAILURES = ("differs", "traceback")


@dataclass(frozen=True)
class Outcome:
    """``kind``: equal, refused, unreferenced (the reference cannot compute it), tie, differs or
    traceback; ``reason`` in words."""

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


def check(model: ModelProto, seed: int, machine: Machine, *, races: bool = False) -> Outcome:
    """Read, compile and run ``model`` on a random picture."""
    try:
        return _check(model, seed, machine, races)
    except MachineError as error:
        return Outcome("differs", f"program: {error}")
    except ReadError as error:  # nothing is wrong with these files
        return Outcome("traceback", str(error))
    except OnefourError as error:
        return Outcome("refused", reason_of(error))
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}:{last.lineno}"
        return Outcome("traceback", f"{type(error).__name__}: {error} ({place})")


def _check(model: ModelProto, seed: int, machine: Machine, races: bool) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="onefour-") as folder:
        path = Path(folder) / "random.onnx"
        onnx.save(model, path)
        network = read_network(path)
    compiled = compile_network(network, machine)
    shape = network.tensors[network.input].shape
    picture = np.random.default_rng([seed, 2]).integers(0, 256, shape, dtype=np.uint8)
    results = execute.run(network, picture)
    program, wrong = run_program(compiled, picture, results, races)
    if wrong:
        return Outcome("differs", f"program: {wrong}")
    whole = model.graph.input[0].type.tensor_type.elem_type == TensorProto.UINT8
    image = picture[None] if whole else picture[None] * (1 / 255)
    try:
        reference = run_float64(model, image)
    except Exception as error:  # what onnx's own evaluator cannot do is its business
        return Outcome("unreferenced", reason_of(error), 0, program, compiled, picture)
    differing = differing_codes(network, results, reference)
    compared = sum(results[name].size for name in differing)
    if any(differing.values()):
        name = next(name for name, count in differing.items() if count)
        kind = "tie" if explained(model, image, network, name, results) else "differs"
        return Outcome(kind, f"network: {name!r} and others: {differing}")
    wrong = differing_outputs(network, results, reference)
    if wrong:
        return Outcome("differs", f"outputs: {wrong}")
    return Outcome("equal", "", compared, program, compiled, picture)


def run_program(
    compiled: Compiled, picture: np.ndarray, results: dict, races: bool
) -> tuple[int, dict[str, int]]:
    """(codes compared, codes that differ by storage) of the program and ``results``."""
    manifest = json.loads(json.dumps(compiled.manifest()))
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    address = compiled.image.program_address
    if races:
        check_races(compiled.machine, memory, address)
    GoldenMachine(compiled.machine).run(memory, address)
    count, wrong = 0, {}
    for layer in manifest["layers"]:
        found, expected = read_layer(memory, layer), results[layer["tensor"]]
        count += expected.size
        different = expected.size if found.shape != expected.shape else (found != expected).sum()
        if different:
            wrong[layer["storage"]] = int(different)
    floats = execute.outputs(compiled.network, results)
    for name, values in ({} if wrong else read_outputs(memory, manifest)).items():
        if not np.array_equal(values, floats[name]):
            wrong[name] = int((values != floats[name]).sum())
    return count, wrong


def differing_outputs(network: Network, results: dict, reference: dict) -> dict[str, float]:
    """Outputs whose values are not the graph's, and by how much."""
    wrong = {}
    for name, values in execute.outputs(network, results).items():
        expected = np.asarray(reference[name], np.float64)[0]
        scale = np.abs(values).max(initial=0) + 1
        # Clip limits are float32: the outermost level of a quantised output is that far off.
        if expected.shape != values.shape or not (np.abs(expected - values) <= 1e-6 * scale).all():
            wrong[name] = 0.0 if expected.shape != values.shape else np.abs(expected - values).max()
    return wrong
