"""Phases of the memory's clock: which are tried, which is best, and that a delay finds its own."""

import json
from itertools import pairwise
from pathlib import Path

import pytest

from arch.machine import TINY
from boards.bitstream import CONFIGURATION, REPORT
from boards.design import Design
from boards.platforms.registry import board_named
from boards.sdram.part import LEAST_PHASE, LEAST_REST
from boards.toolchain import ToolError
from boards.use.phase import best_phase, pack_with_phase, phases, with_phase
from boards.use.simulation import board_model, for_simulation, simulated, start_seconds
from host.link import Link
from host.read_timing import wrong_at_every_timing
from tests.long_runs import slow

EMPTY = Path(__file__).parents[1].joinpath("no_accelerator.v").read_text()
CLOCK = 85.0
DESIGN = Design(board=board_named("ulx3s-25f"), machine=TINY, clock_mhz=CLOCK)


@pytest.mark.parametrize("clock", [50.0, 70.0, 85.0, 100.0])
def test_phases_are_safe_for_commands(clock):
    design = Design(board=DESIGN.board, machine=TINY, clock_mhz=clock)
    tried = phases(design)
    pll = design.pll
    assert tried[0] - pll.part_ns < LEAST_PHASE <= tried[0]
    rest = 1000 / pll.clock_mhz - tried[-1]
    assert rest - pll.part_ns < LEAST_REST <= rest
    assert all(0 < b - a < 1.5 for a, b in pairwise(tried))


def test_the_middle_of_the_longest_run():
    good = {3.0: [1], 4.0: [1], 5.0: [], 6.0: [2], 7.0: [1, 2], 8.0: [1, 2]}
    assert best_phase(good) == (7.0, 2)
    assert best_phase({3.0: [], 4.0: [0]}) == (4.0, 0)
    assert best_phase({3.0: [1, 2], 4.0: [1, 2], 5.0: [1, 2]}) == (4.0, 1)
    assert best_phase({3.0: [], 4.0: []}) is None


LINES = "word: CLKOP_CPHASE 0000011\nword: CLKOS_CPHASE 0000111\nword: CLKOS_FPHASE 011\n"


def test_a_phase_in_a_configuration():
    pll = DESIGN.pll
    coarse, fine = pll.memory_phases
    changed = with_phase(LINES, pll)
    assert f"word: CLKOS_CPHASE {coarse:07b}\nword: CLKOS_FPHASE {fine:03b}\n" in changed
    assert changed.startswith("word: CLKOP_CPHASE 0000011\n")
    for text in (LINES + LINES, "nothing"):
        with pytest.raises(ToolError, match=r"sets CLKOS_CPHASE [02] times, not once"):
            with_phase(text, pll)


def test_a_configuration_that_is_gone(tmp_path):
    with pytest.raises(ToolError, match=r"board\.config: is not there any more"):
        pack_with_phase(tmp_path, DESIGN, 5.0, keep=True)


def test_what_is_kept(tmp_path, tool):
    """Configuration and report have the phase; the tool is told to pack what was changed."""
    tool('echo "$@" > packed')
    (tmp_path / CONFIGURATION).write_text(LINES)
    (tmp_path / REPORT).write_text('{"board": "ulx3s-25f", "memory_phase_ns": 7.353}\n')
    pack_with_phase(tmp_path, DESIGN, 4.0, keep=False)
    assert (tmp_path / CONFIGURATION).read_text() == LINES
    assert "--input phase.config --bit phase.bit" in (tmp_path / "packed").read_text()
    pack_with_phase(tmp_path, DESIGN, 4.0, keep=True)
    assert (tmp_path / CONFIGURATION).read_text() == (tmp_path / "phase.config").read_text()
    assert "--input board.config --bit board.bit" in (tmp_path / "packed").read_text()
    assert json.loads((tmp_path / REPORT).read_text())["memory_phase_ns"] == pytest.approx(4, 0.05)


@pytest.fixture(scope="module")
def model():
    return board_model(for_simulation(DESIGN), EMPTY).build()


@pytest.mark.cosim
@pytest.mark.parametrize("delay", [12.0, *slow(*range(12))])
def test_a_sweep_finds_the_window(model, delay):
    """The phase and timing that it finds have a nanosecond either way, by the memory's times."""
    design = for_simulation(DESIGN)
    good = {}
    for phase in phases(design):
        with simulated(design, model, delay_ns=delay, phase_ns=phase) as line:
            line.wait(start_seconds(design))
            wrong = wrong_at_every_timing(Link(line), design.board.memory.size, 256)
        good[phase] = [late for late, count in enumerate(wrong) if not count]
        print(f"{delay} ns: phase {phase:.2f}: {wrong}")
    phase, late = best_phase(good)
    print(f"{delay} ns: best {phase:.2f}, {late}")
    period, part = 1000 / design.pll.clock_mhz, design.board.memory
    assert late * period - phase - part.t_oh + 1 < delay
    assert delay < (late + 1) * period - phase - part.t_ac - 1
