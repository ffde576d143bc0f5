"""PLL settings: limits, and the same dividers and phases as Lattice-compatible tools choose."""

import pytest

from arch.errors import ConfigurationError
from boards.pll import OSCILLATOR, PARTS, pll_settings


@pytest.mark.parametrize("board", [12.0, 25.0, 48.0, 50.0])
@pytest.mark.parametrize("clock", [40, 66.6, 70, 75, 83, 100, 133])
def test_the_fastest_clock_that_is_allowed(board, clock):
    found = pll_settings(board, clock, phase_ns=3.0)
    made = board / found.reference * found.feedback
    assert found.clock_mhz == pytest.approx(made)
    assert made < clock + 1e-6
    assert made > clock * 0.95
    assert OSCILLATOR[0] <= made * found.output <= OSCILLATOR[1]
    assert found.phase_ns == pytest.approx(3.0, abs=1000 / found.oscillator_mhz / PARTS)


def test_dividers_of_an_usual_clock():
    """As `ecppll -i 25 -o 75 --clkout1 75 --phase1 270` has them."""
    found = pll_settings(25, 75, phase_ns=10.0)
    assert (found.reference, found.feedback, found.output, found.phase) == (1, 3, 8, 48)


def test_no_such_clock():
    with pytest.raises(ConfigurationError, match=r"no clock of 2 MHz or less comes from 25 MHz"):
        pll_settings(25, 2)
