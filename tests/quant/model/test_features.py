"""Taps: one quantiser for each producer and width, shared by tensors that meet, and no others."""

import pytest

pytest.importorskip("torch")

import torch

from quant.model.features import Feature, Moved, Taps, add, concat
from quant.model.policy import FLOAT, Policy
from quant.quantisers.lsq import LearnedStepQuantiser
from tests.quant import tiny


def policy() -> Policy:
    return Policy(
        activation=lambda bits, _channels, signed: LearnedStepQuantiser(bits, signed=signed)
    )


class Producers:
    """Named producers, and the dry runs that a network makes."""

    def __init__(self, names: str, signed: str = ""):
        self.taps = {name: Taps(policy(), signed=name in signed) for name in names}

    def feature(self, name: str) -> Feature:
        return Feature(torch.rand(1, 3, 4, 4) - 0.5, self.taps[name])

    def build(self, run) -> None:
        for _ in range(2):
            run({name: self.feature(name) for name in self.taps})
            for taps in self.taps.values():
                taps.planned = True

    def tap(self, name: str, bits: int = 4):
        return self.taps[name][str(bits)]


def test_tensors_that_meet_share_a_tap_and_others_do_not():
    made = Producers("abcde")

    def run(f):
        concat(f["a"], f["b"]).at(4)
        add(f["c"], f["d"], 4, Taps(policy()))
        f["e"].at(4)

    made.build(run)
    assert made.tap("a") is made.tap("b")
    assert made.tap("c") is made.tap("d")
    assert len({id(made.tap(name)) for name in "ace"}) == 3


def test_sharing_spreads_through_chains_and_what_moves_codes():
    made = Producers("abcd")

    def run(f):
        f["d"].at(4)  # asked for before it meets anything
        moved = Moved(lambda codes: codes, concat(f["a"], f["b"]))
        concat(moved, f["c"]).at(4)
        concat(f["c"], f["d"]).at(4)

    made.build(run)
    assert len({id(made.tap(name)) for name in "abcd"}) == 1


def test_widths_have_taps_of_their_own():
    made = Producers("ab")

    def run(f):
        f["a"].at(2)
        concat(f["a"], f["b"]).at(4)
        concat(f["a"], f["b"]).at(1)

    made.build(run)
    assert sorted(made.taps["a"].keys()) == ["1", "2", "4"]
    assert [made.tap("a", bits).bits for bits in (1, 2, 4)] == [1, 2, 4]
    assert made.tap("a") is made.tap("b")
    # Signs have one scale anyway, and a shift for each channel.
    assert made.tap("a", 1) is not made.tap("b", 1)


def test_what_is_read_as_real_has_no_tap():
    made = Producers("ab")
    made.build(lambda f: concat(f["a"], f["b"]).at(FLOAT))
    assert not made.taps["a"].keys()


def test_one_signed_producer_makes_the_shared_tap_signed():
    made = Producers("abc", signed="b")

    def run(f):
        f["c"].at(4)
        concat(f["a"], f["b"]).at(4)

    made.build(run)
    assert made.tap("a").signed
    assert not made.tap("c").signed


def test_two_readers_see_one_tensor():
    made = Producers("a")
    made.build(lambda f: f["a"].at(4))
    feature = made.feature("a")
    assert feature.at(4) is feature.at(4)
    moved = Moved(lambda codes: codes + 0, feature)
    assert moved.at(4) is moved.at(4)


@pytest.mark.parametrize("name", ["yolov5pico", "yolov7pico", "plain32"])
@pytest.mark.parametrize("recipe", ["lsq", "mpq"])
def test_every_tensor_of_a_network_is_quantised_once_for_each_width(name, recipe, seed):
    """One call of a tap for each producer and width that is read."""
    model = tiny.detector(recipe, name).eval()
    calls = []
    for taps in (m for m in model.modules() if isinstance(m, Taps)):
        assert taps.keys(), "a tensor that nobody reads"
        for key, tap in taps.items():
            assert tap.bits == int(key)
            assert not tap.started
    distinct = {id(t): t for m in model.modules() if isinstance(m, Taps) for t in m.values()}
    for tap in distinct.values():
        tap.register_forward_hook(lambda tap, _inputs, _result: calls.append(tap))
    with torch.no_grad():
        model(tiny.pictures(seed))
    expected = sum(len(m) for m in model.modules() if isinstance(m, Taps))
    assert len(calls) == expected
    if recipe == "lsq":
        assert {tap.bits for tap in calls} == {4}


def test_codes_of_a_concat_have_one_scale(seed):
    """In a whole network: all parts of what a layer reads are multiples of one step."""
    model = tiny.detector("lsq", "yolov5pico").eval()
    layer, seen = model.model["13"].cv1, []  # reads a Concat of neck and backbone
    layer.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0].at(4)))
    with torch.no_grad():
        model(tiny.pictures(seed))
    tap = model.model["10"].taps["4"]
    assert tap is model.model["6"].cv3.taps["4"]
    codes = seen[0] / tap.scale()
    torch.testing.assert_close(codes, codes.round(), rtol=0, atol=1e-4)
