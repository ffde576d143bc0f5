"""Several processes on one machine compute what one would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("yaml")
pytest.importorskip("tensorboard")

import torch

from quant.recipes import RECIPES
from quant.runs.log import read_log
from quant.runs.run_folder import FINAL, load
from quant.training.parallel import Processes
from tests.quant import tiny

ROOT = Path(__file__).resolve().parents[3]

#: Half of a batch in each of two processes; rank 0 keeps the averaged gradients.
HALVES = """
import sys
import torch
from quant.training.parallel import Processes
from quant.recipes import RECIPES
from tests.quant import tiny
from tests.quant.training.test_parallel import gradients
processes = Processes()
assert (processes.world, processes.first) == (2, processes.rank == 0)
model = tiny.detector("mpq", "plain32")
found = gradients(processes.wrap(model), model, slice(processes.rank, None, 2))
if processes.first:
    torch.save(found, sys.argv[1])
torch.distributed.destroy_process_group()
"""

#: Quantisers start from what a process sees, and the processes see other pictures.
STARTS = """
import sys
import torch
from quant.training.parallel import Processes
from quant.recipes import RECIPES
from tests.quant import tiny
processes = Processes()
model = tiny.detector("mpq", "plain32")
processes.wrap(model)(tiny.pictures(processes.rank))
torch.save(model.state_dict(), f"{sys.argv[1]}{processes.rank}")
torch.distributed.destroy_process_group()
"""


def gradients(network, model, rows: slice) -> dict[str, torch.Tensor]:
    """Of a loss that is a mean over pictures, with normalisations that do not mix them."""
    x = tiny.pictures(1, count=4)
    with torch.no_grad():
        model(x)  # quantisers start from the whole batch, alike everywhere
    model.eval()
    maps = network(x[rows])
    sum((m.square().mean((1, 2, 3))).mean() for m in maps).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


def torchrun(*given: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone",
               "--nproc-per-node", "2", *given]  # fmt: skip
    environment = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_one_process():
    processes = Processes()
    model = tiny.detector("lsq", "plain32")
    assert (processes.world, processes.rank, processes.first) == (1, 0, True)
    assert processes.wrap(model) is model


@pytest.mark.parametrize("recipe", RECIPES)
def test_half_precision_as_on_a_gpu(recipe):
    """Convolutions in bfloat16, on the processor; statistics and steps stay in float32."""
    model = tiny.detector(recipe)
    model.train()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        maps = model(tiny.pictures(1))
    sum(m.float().square().mean() for m in maps).backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters() if p.grad is not None)
    assert {b.dtype for b in model.buffers() if b.is_floating_point()} == {torch.float32}


@pytest.mark.slow
def test_gradients_of_two_halves_are_those_of_the_whole(tmp_path):
    (tmp_path / "halves.py").write_text(HALVES)
    ended = torchrun(str(tmp_path / "halves.py"), str(tmp_path / "gradients.pt"))
    assert ended.returncode == 0, ended.stderr
    found = torch.load(tmp_path / "gradients.pt")
    model = tiny.detector("mpq", "plain32")
    expected = gradients(model, model, slice(None))
    assert found.keys() == expected.keys()
    assert len(found) > 40
    for name, gradient in expected.items():
        # LSQ weighs a step's gradient by the root of the number of values it sees: half, here.
        if name.endswith("step") and "taps" in name:
            gradient = gradient * 2**0.5
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-6, msg=name)


@pytest.mark.slow
def test_quantisers_start_alike_everywhere(tmp_path):
    (tmp_path / "starts.py").write_text(STARTS)
    ended = torchrun(str(tmp_path / "starts.py"), str(tmp_path / "rank"))
    assert ended.returncode == 0, ended.stderr
    first, second = (torch.load(tmp_path / f"rank{rank}") for rank in (0, 1))
    chosen = [name for name in first if name.endswith(("shift", "step"))]
    assert len(chosen) > 10
    for name in chosen:
        assert first[name].any(), name
        assert torch.equal(first[name], second[name]), name


@pytest.mark.slow
def test_two_processes_train_one_network(tmp_path):
    data = tiny.write_data(tmp_path / "data", {"train": 8, "val": 2})
    given = ["-m", "quant", "train", "--data", str(data), "--out", str(tmp_path / "run"),
             "--recipe", "mpq", "--model", "plain32", "--size", "96x64", "--batch", "4",
             "--epochs", "2", "--checkpoint-seconds", "0"]  # fmt: skip
    ended = torchrun(*given)
    assert ended.returncode == 0, ended.stderr
    assert [row["epoch"] for row in read_log(tmp_path / "run" / "log.csv")] == ["0", "1"]
    before = load(tmp_path / "run" / FINAL)["model"]
    # Both go on from the checkpoint, and end at the same place.
    ended = torchrun(*given, "--resume")
    assert ended.returncode == 0, ended.stderr
    after = load(tmp_path / "run" / FINAL)["model"]
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    ended = torchrun(*given)
    assert ended.returncode != 0
    assert "already holds a training" in ended.stderr
