"""Whole frames in RTL against golden, layer by layer; and that differences are found and named."""

from dataclasses import replace

import numpy as np
import pytest

from arch.machine import TINY
from arch.memory import IDEAL, SDR16_100
from arch.registers import ErrorCode
from compiler.check.program import StoredLayer, first_difference
from golden.formats import MapFormat
from golden.machine import GoldenMachine
from hw.verilog import generate
from sim.frame import Conditions, frame_model, run_frame
from sim.replay import Replay, read_hexadecimal, write_hexadecimal
from sim.run import LayerWatch
from tests.samples.sample import Sample
from tests.samples.sample_layer import LayerShape


def network(seed: int) -> Sample:
    sample = Sample(TINY, seed)
    first = LayerShape(channels=16, kernel=3, weight_bits=4, bits=4, halo=1, pool=True)
    second = LayerShape(channels=16, kernel=3, weight_bits=1, bits=2, even_grid=False, stride=2)
    source = sample.convolution("first", sample.picture(10, 20), first)
    source = sample.convolution("second", source, second)
    sample.convolution("third", source, LayerShape(channels=20, kernel=1, weight_bits=4))
    return sample.finish()


def golden(sample: Sample):
    """Run the sample; return its memory, statistics and layers with their place in the writes."""
    expected = []

    def note(index, statistics):
        expected.extend(
            StoredLayer(
                name=layer.name,
                form=layer.form,
                stored=layer.codes,
                bytes_written=statistics.write_bytes,
            )
            for layer in sample.expected
            if layer.last_compute == index
        )

    memory = sample.memory.copy()
    machine = GoldenMachine(sample.machine, after_compute=note)
    return memory, machine.run(memory, sample.program_address), expected


@pytest.fixture(scope="module")
def model():
    return frame_model(TINY, generate(TINY), 1 << 18).build()


@pytest.mark.cosim
@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(),
        Conditions(memory=replace(IDEAL, read_latency=1, write_latency=1)),
        Conditions(memory=replace(IDEAL, read_latency=150, write_latency=90)),
        Conditions(memory=SDR16_100, stall=64, seed=3),
        Conditions(stall=64, seed=1),
        Conditions(stall=200, seed=2),
    ],
    ids=str,
)
def test_frame_equals_golden(model, conditions, seed):
    sample = network(seed)
    memory, statistics, expected = golden(sample)
    watch = LayerWatch(expected, lambda compared: None)
    outcome = run_frame(model, TINY, sample.memory, sample.program_address, conditions, watch)
    assert (outcome.done, outcome.error) == (True, ErrorCode.NONE)
    assert [(layer.name, layer.differing) for layer in watch.results] == [
        ("first", 0),
        ("second", 0),
        ("third", 0),
    ]
    np.testing.assert_array_equal(outcome.memory, memory)
    for name in ("loads", "computed", "passes", "read_beats", "write_beats"):
        assert outcome.counters[name] == getattr(statistics, name), name


@pytest.mark.cosim
def test_wrong_layers_are_named(model, seed):
    sample = network(seed)
    _, _, expected = golden(sample)
    expected[1].stored[3, 1, 2] ^= 1
    watch = LayerWatch(expected, lambda compared: None)
    run_frame(model, TINY, sample.memory, sample.program_address, watch=watch)
    assert [layer.differing for layer in watch.results] == [0, 1, 0]
    right = int(expected[1].stored[3, 1, 2])
    assert watch.results[1].first == (
        f"layer 'second', channel 3, row 1, column 2: expected {right}, found {right ^ 1}"
    )


@pytest.mark.cosim
def test_program_that_waits_forever(model):
    sample = Sample(TINY)
    sample.listing.compute(after_load=3, block_rows=1, row_blocks=1, row_length=4)
    sample.finish()
    outcome = run_frame(model, TINY, sample.memory, 0, Conditions(watchdog=500))
    assert not outcome.done
    assert (outcome.error, outcome.number) == (ErrorCode.SEQUENCER_WAITS_FOR_LOAD, 3)


@pytest.mark.parametrize("beat_bytes", [8, 16])
def test_hexadecimal_there_and_back(tmp_path, rng, beat_bytes):
    memory = rng.integers(0, 256, 1 << 15, np.uint8)
    memory[1000:20000] = 0
    path = tmp_path / "memory.hex"
    write_hexadecimal(memory, beat_bytes, path)
    found = np.zeros_like(memory)
    at = 0
    for line in path.read_text().splitlines():
        if line.startswith("@"):
            at = int(line[1:], 16) * beat_bytes
        else:
            found[at : at + beat_bytes] = list(bytes.fromhex(line)[::-1])
            at += beat_bytes
    np.testing.assert_array_equal(found, memory)
    path.write_text("// 0x00000000\n" + "".join(f"{i:0{2 * beat_bytes}x}\n" for i in range(300)))
    read = read_hexadecimal(path, beat_bytes).reshape(-1, beat_bytes)
    assert (read[:, 0] + 256 * read[:, 1].astype(int) == np.arange(300)).all()


@pytest.mark.parametrize("beat_bytes", [8, 16])
def test_replay_stops_where_it_is_told(tmp_path, beat_bytes):
    log = tmp_path / "writes.log"
    digits = -(-beat_bytes // 4)
    lines = [
        f"{i * beat_bytes:08x}{(1 << beat_bytes) - 1:0{digits}x}{i + 1:0{2 * beat_bytes}x}\n"
        for i in range(6)
    ]
    lines.append(f"{0:08x}{2:0{digits}x}{0xAB00:0{2 * beat_bytes}x}\n")
    replay = Replay(np.zeros(1024, np.uint8), beat_bytes, log)
    stops = [2 * beat_bytes, 5 * beat_bytes, 6 * beat_bytes + 1]
    assert list(replay.advance(stops)) == []
    log.write_text("".join(lines[:3]) + lines[3][:5])
    seen = [(stop, int(replay.memory[2 * beat_bytes])) for stop in replay.advance(stops)]
    assert seen == [(stops[0], 0)]
    assert replay.memory[2 * beat_bytes] == 3
    log.write_text("".join(lines))
    assert list(replay.advance(stops[1:])) == stops[1:]
    assert replay.memory[[0, 1, beat_bytes, 5 * beat_bytes]].tolist() == [1, 0xAB, 2, 6]


def test_first_difference_is_named():
    expected = np.zeros((2, 3, 4), int)
    found = expected.copy()
    assert first_difference("a", found, expected).differing == 0
    found[1, 2, 0] = 5
    found[1, 2, 3] = 5
    compared = first_difference("a", found, expected)
    assert (compared.codes, compared.differing) == (24, 2)
    assert compared.first == "layer 'a', channel 1, row 2, column 0: expected 0, found 5"


def test_layers_are_compared_in_the_order_of_completion(tmp_path):
    form = MapFormat(
        image_channels=16, address=0, pitch=2, channels=4, height=1, width=2, planes=1
    )
    log = tmp_path / "writes.log"
    log.write_text(f"{0:08x}0f{0x0005000A:016x}\n{0:08x}0f{0x00030000:016x}\n")
    stored = [np.array([[[0, 1]], [[1, 0]], [[0, 1]], [[1, 0]]]) for _ in range(2)]
    expected = [
        StoredLayer(name=str(i), form=form, stored=stored[i], bytes_written=4 * i + 4)
        for i in range(2)
    ]
    seen = []
    watch = LayerWatch(expected, seen.append)
    watch(Replay(np.zeros(64, np.uint8), 8, log))
    assert [layer.differing for layer in seen] == [0, 4]
