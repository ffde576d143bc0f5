"""Program images of the test networks, byte for byte, by their digests in ``images.json``.

A commit that changes an image says why, and writes the file anew: ``python -m
tests.compiler.test_images``.
"""

import json
import tempfile
from hashlib import sha256
from pathlib import Path

import onnx
import pytest

from arch.machine import MACHINES, Machine, machine_named
from compiler.flow import compile_file, compile_network
from tests.random_networks.graphs import random_model
from tests.samples.networks import everything

ROOT = Path(__file__).resolve().parents[2]
DIGESTS = Path(__file__).with_name("images.json")
EXAMPLES = ("shapes/shapes", "bccd/bccd_mpq", "bccd/bccd_w4a4")
RANDOM_MACHINES = ("tiny", "ecp5_25f", "ecp5_85f")
CASES = [
    *(f"{kind} {machine}" for kind in EXAMPLES for machine in MACHINES),
    *(f"everything {seed} {machine}" for seed in range(2) for machine in MACHINES),
    *(f"random {seed} {RANDOM_MACHINES[seed % 3]}" for seed in range(24)),
]


def image(kind: str, machine: Machine) -> bytes:
    """The program image of one network."""
    name, _, seed = kind.partition(" ")
    if name == "everything":
        return compile_network(everything(int(seed), 16, 24)[0], machine).image.to_bytes()
    if name != "random":
        return compile_file(ROOT / "examples" / f"{name}.onnx", machine).image.to_bytes()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "random.onnx"
        onnx.save(random_model(int(seed)), path)
        return compile_file(path, machine).image.to_bytes()


def digest(case: str) -> str:
    """What ``images.json`` has for a case; the message of one that is refused counts, too."""
    kind, _, machine = case.rpartition(" ")
    try:
        return sha256(image(kind, machine_named(machine))).hexdigest()[:32]
    except Exception as error:
        return type(error).__name__


@pytest.mark.parametrize("case", CASES)
def test_image(case):
    assert digest(case) == json.loads(DIGESTS.read_text())[case]


if __name__ == "__main__":
    DIGESTS.write_text(json.dumps({case: digest(case) for case in CASES}, indent=1) + "\n")
