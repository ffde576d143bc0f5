"""A small network within a budget: bits, cycles and errors that belong together."""

import numpy as np
import onnx
import pytest

from arch.boards import BOARDS
from compiler.check.onnx import against_onnx
from compiler.errors import CapacityError
from compiler.flow import compile_file
from compiler.frontend.pipeline import read_network
from compiler.quantize.budget.choose import Chooser, compiled_model
from compiler.quantize.budget.goal import goal
from compiler.quantize.budget.layer_costs import job_bytes, job_cycles
from compiler.quantize.budget.sensitivity import Judge, sensitivities
from compiler.quantize.float_network import read_float_network
from compiler.quantize.options import Options
from compiler.quantize.quantise import quantise
from compiler.quantize.widths import uniform
from tests.samples.float_net import branched, pictures_of

TINY = BOARDS["tiny"]
CHOICES = (8, 6, 4)


@pytest.fixture
def network(tmp_path):
    return read_float_network(branched("leaky").save(tmp_path))


@pytest.fixture
def pictures(tmp_path):
    return pictures_of(tmp_path / "pictures")


@pytest.fixture
def chooser(network, pictures):
    def made(text: str) -> Chooser:
        return Chooser(network, pictures, Options(), TINY, goal(text), CHOICES)

    return made


@pytest.mark.parametrize("text", ["24kcycles", "25KB"])
def test_mixture_keeps_to_the_budget(chooser, pictures, tmp_path, text):
    search = chooser(text)
    limit = search.goal.most(100)
    choice = search.choose(limit)
    chosen, by_name = choice.chosen, {each.name: each for each in choice.tried}
    assert choice.needed
    assert by_name["W4A8"].cost < by_name["W8A8"].cost
    assert chosen.cost <= limit < by_name["W8A8"].cost
    # Better than what has the same bits everywhere and fits, and not of the same bits itself.
    assert chosen.error < by_name["W4A4"].error
    assert chosen.name.startswith("mixture")
    assert all(each.error >= chosen.error for each in choice.tried if each.cost <= limit)
    onnx.save(chosen.model, tmp_path / "chosen.onnx")
    compiled = compile_file(tmp_path / "chosen.onnx", TINY.machine, TINY.memory)
    assert search.goal.of(compiled) == chosen.cost
    integers = read_network(tmp_path / "chosen.onnx")
    codes = np.rint(pictures.load(pictures.files[0])[0] * 255).astype(np.uint8)
    references = against_onnx(integers, chosen.model, codes, 1 / 255)
    assert sum(references["formula"].values()) + sum(references["float64"].values()) == 0
    for tensor, bits in chosen.widths.activations.items():
        assert integers.tensors[f"{tensor}_dequantized"].bits == bits
    again = chooser(text).choose(limit)
    assert again.chosen.model.SerializeToString() == chosen.model.SerializeToString()


def test_no_need_to_choose(chooser):
    choice = chooser("1Mcycles").choose(1e6)
    assert not choice.needed
    assert choice.chosen.name == "W8A8"
    assert choice.trade == ()


def test_least_that_there_is(chooser):
    with pytest.raises(CapacityError, match=r"at most 1000 cycles, and the least .* give is \d+"):
        chooser("1kcycles").choose(1000)


def test_sensitivities_are_errors_of_written_networks(chooser, network):
    """Falling with bits; one layer's is what the judge says of a file with that layer alone."""
    search = chooser("1cycles")
    free = search.free_layers()
    assert len(free) == 4  # of seven: without the first and two heads
    sensed = sensitivities(
        search.network, search.pictures, search.options, search.judge, search.most,
        search.observed, free, CHOICES,
    )  # fmt: skip
    assert list(sensed.weights) == free
    assert sum(map(len, sensed.units.values())) == len(search.most.activations)
    for errors in [*sensed.weights.values(), *sensed.activations.values()]:
        assert errors[4] >= errors[6] >= errors[8] > 0
        assert errors[4] > 4 * errors[8]
    # Their sum stands for the whole: within a factor of the error of all layers at once.
    whole = search.attempt("W4A8", uniform(search.network, Options(weights=4))).error
    assert 0.3 < sensed.of(uniform(search.network, Options(weights=4))) / whole < 3


def test_judge_of_the_network_itself(network, pictures):
    judge = Judge(network, pictures, Options())
    assert judge.error(network.model) == 0
    errors = [judge.error(quantise(network, pictures, Options(weights=b))) for b in (8, 4, 2)]
    assert 0 < errors[0] < errors[1] < errors[2]


def test_costs_of_jobs_make_the_whole(network, pictures):
    compiled = compiled_model(quantise(network, pictures, Options()), TINY)
    last = max(compute.last_pass for compute in compiled.prediction.computes)
    assert sum(job_cycles(compiled)) == last + 1
    constants = sum(len(content) for _, content in compiled.plan.sections)
    assert sum(map(sum, job_bytes(compiled))) == constants
