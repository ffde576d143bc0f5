"""Times of SDRAM parts in cycles."""

import pytest

from arch.errors import ConfigurationError
from boards.sdram.part import ANY_16, ANY_32, LEAST_PHASE, LEAST_REST, cycles, usual_phase


def test_sizes():
    assert ANY_16.size == 32 << 20
    assert ANY_32.size == 8 << 20


@pytest.mark.parametrize("clock", [60.0, 75.0, 90.0, 100.0, 133.0])
def test_no_time_is_too_short(clock):
    period, found = 1000 / clock, cycles(ANY_16, clock)
    for name in ("rcd", "rp", "ras", "rrd", "rfc", "wr", "init"):
        needed, count = getattr(ANY_16, f"t_{name}"), getattr(found, name)
        assert count * period >= needed - 1e-3
        if name != "ras":
            assert (count - 1) * period < needed
    assert (found.ras + found.rp) * period >= ANY_16.t_rc - 1e-3
    assert found.refi * period <= ANY_16.t_refi
    assert found.cas == (2 if clock <= 100 else 3)


def test_the_usual_phase():
    assert usual_phase(ANY_16, 100.0) == pytest.approx(4.75)
    for clock in (50.0, 75.0, 133.0):
        assert LEAST_PHASE <= usual_phase(ANY_16, clock) <= 1000 / clock - LEAST_REST


@pytest.mark.parametrize("clock", [5.0, 166.0])
def test_clocks_that_the_parts_do_not_take(clock):
    with pytest.raises(ConfigurationError, match="these parts take 10 to 143 MHz"):
        cycles(ANY_16, clock)
