"""``python -m tests.cases FOLDER``: networks with known results, through the whole product.

FOLDER holds NAME.onnx with NAME.npz: ``picture``, the codes uint8 [C, H, W] (input scale 1/255),
and ``out:OUTPUT``, the right values of each output. Every network is compiled for machine `tiny`;
then the integer network's outputs are compared with the right values, the program with the integer
network, and the integer network with the two references.

An output is right where every integer sum is the one that the right value stands for, and the value
is that sum's to a relative 2^-18. "ok, tied": the network is the exact graph, and the values beside
it are what plain float64 makes of the graph, whose rounding errors decide a tie the other way. Exit
status 1 where anything is wrong; a network that is refused with one message is not.
"""

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np

from arch.errors import OnefourError
from arch.machine import TINY
from compiler.check.compare import differing_outputs, sums_of
from compiler.check.onnx import NotCompared, against_onnx
from compiler.check.reference import compute
from compiler.describe import describe
from compiler.errors import DifferenceError
from compiler.exact.picture import from_codes
from compiler.exact.reals import Reals
from compiler.flow import compile_network
from compiler.frontend.pipeline import read_network
from compiler.frontend.reader.onnx_reader import load_model
from golden import execute
from golden.machine import GoldenMachine
from golden.network import Network
from host.memory import read_layer, write_picture

INPUT_SCALE = 1 / 255
COLUMNS = ("case", "network", "program", "reference", "onnxruntime", "message")


@dataclass
class Row:
    """One case; a column is "-" where it was not come to."""

    case: str
    network: str = "-"
    program: str = "-"
    reference: str = "-"
    onnxruntime: str = "-"
    message: str = ""

    @property
    def is_wrong(self) -> bool:
        return any(word not in ("ok", "ok, tied", "-", "refused")
                   for word in (self.network, self.program, self.reference))  # fmt: skip


def count(differing: int) -> str:
    return f"{differing} differ" if differing else "ok"


def judge_network(network: Network, results: dict, right: dict[str, np.ndarray]) -> str:
    """The outputs against the right values."""
    outputs = {output.name: output for output in network.outputs}
    if set(outputs) != set(right):
        return f"outputs {sorted(outputs)}"
    try:
        return count(sum(
            int(differing_outputs(right[name], results[output.tensor], output).sum())
            for name, output in outputs.items()
        ))  # fmt: skip
    except ValueError:
        return "other shapes"


def decide_in_floats(x: Reals, function: Callable[[np.ndarray], np.ndarray], _: object) -> Reals:
    """A step function of float64 numbers as they are, with the rounding errors in them."""
    return Reals.exactly(function(x.values))


def is_tied(network: Network, path: Path, picture: np.ndarray, right: dict) -> bool:
    """Whether plain float64 arithmetic, every sum with its rounding errors, gives the right values.

    Where exact arithmetic does not, rounding errors have decided a tie.
    """
    model = load_model(path)
    with (
        patch("compiler.exact.quantising.decide", decide_in_floats),
        patch("compiler.exact.windows.conv_on_grids", lambda *_: None),
    ):
        found = compute(model, from_codes(model, picture, INPUT_SCALE))
    shapes = {name: values.shape[-3:] for name, values in right.items()}
    return all(
        (sums_of(found[o.name].values, o, shapes[o.name])
         == sums_of(right[o.name], o, shapes[o.name])).all()
        for o in network.outputs
    )  # fmt: skip


def judge_program(network: Network, picture: np.ndarray, results: dict) -> str:
    """The program on the instruction-level machine against the integer network."""
    compiled = compile_network(network, TINY)
    manifest = describe(compiled)
    memory = compiled.image.memory()
    write_picture(memory, manifest, picture)
    GoldenMachine(TINY).run(memory, compiled.image.program_address)
    return count(sum(
        int((read_layer(memory, layer) != results[layer.tensor]).sum())
        for layer in manifest.layers
    ))  # fmt: skip


def judge(path: Path) -> Row:
    """All columns of one case."""
    row = Row(path.stem)
    with np.load(path.with_suffix(".npz")) as stored:
        picture = stored["picture"]
        right = {name[4:]: stored[name] for name in stored.files if name.startswith("out:")}
    column = "network"
    try:
        network = read_network(path, input_scale=INPUT_SCALE)
        results = execute.run(network, picture)
        row.network = judge_network(network, results, right)
        column = "program"
        row.program = judge_program(network, picture, results)
        column = "reference"
        references = against_onnx(network, path, picture, INPUT_SCALE, results)
        row.reference = "ok"
        if row.network.endswith("differ") and is_tied(network, path, picture, right):
            row.network = "ok, tied"
        partner = references["onnxruntime"]
        row.onnxruntime = count(sum(partner.values()))
        if isinstance(partner, NotCompared):
            row.onnxruntime, row.message = "not compared", partner.reason
    except DifferenceError as error:
        setattr(row, column, "differs")
        row.message = str(error)
    except OnefourError as error:
        setattr(row, column, "refused")
        row.message = str(error)
    except Exception as error:  # a traceback of the product is what this looks for
        setattr(row, column, "traceback")
        row.message = f"{type(error).__name__}: {error}"
    return row


def main(arguments: list[str] | None = None) -> int:
    """Print the table; 1 where anything is wrong."""
    form = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser("python -m tests.cases", None, __doc__, formatter_class=form)
    parser.add_argument("folder", type=Path)
    parser.add_argument("cases", nargs="*", help="names of cases; all unless given")
    parsed = parser.parse_args(arguments)
    paths = sorted(p for p in parsed.folder.glob("*.onnx") if p.with_suffix(".npz").exists())
    paths = [path for path in paths if not parsed.cases or path.stem in parsed.cases]
    if not paths:
        print(f"error: no NAME.onnx with NAME.npz in {parsed.folder}", file=sys.stderr)
        return 2
    print(" | ".join(COLUMNS))
    rows = []
    for path in paths:
        rows.append(judge(path))
        text = {name: getattr(rows[-1], name) for name in COLUMNS}
        text["message"] = text["message"][:160].replace("\n", " ")
        print(" | ".join(text.values()), flush=True)
    wrong = [row.case for row in rows if row.is_wrong]
    refused = sum("refused" in (row.network, row.program) for row in rows)
    print(f"{len(rows)} cases, {refused} refused, {len(wrong)} wrong: {' '.join(wrong) or 'none'}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
