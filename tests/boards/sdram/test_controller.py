"""The SDRAM controller against a memory that checks its times: data, bandwidth, what is caught."""

import pytest

from boards.sdram.part import ANY_16, ANY_32
from boards.sdram.traffic import send, share_of_bus, traffic_model
from tests.long_runs import slow

USUAL_ONES = [(ANY_16, 64, 100.0), (ANY_32, 128, 100.0)]
OTHERS = [(ANY_16, 128, 75.0), (ANY_32, 64, 133.0)]
USUAL = {"kinds": 3, "beats": 0, "bursts": 300, "window": 1 << 20}


def _name(value: object) -> str:
    return getattr(value, "name", f"{value}")


def clean(figures) -> bool:
    return bool(figures.done) and not figures.differing and not figures.sdram_errors


@pytest.fixture(scope="module")
def usual():
    return traffic_model(ANY_16, 64, 100.0).build()


@pytest.mark.cosim
@pytest.mark.parametrize(("part", "beat_bits", "clock"), [*USUAL_ONES, *slow(*OTHERS)], ids=_name)
def test_reads_give_what_was_written(part, beat_bits, clock, tmp_path):
    """Bursts of 1 to 64 beats anywhere, some bytes masked, every channel held back at times."""
    model = traffic_model(part, beat_bits, clock)
    for seed, share in ((1, 0), (2, 100)):
        figures = send(model, tmp_path, **USUAL, masks=1, slow=share, seed=seed)
        assert clean(figures), (figures, (tmp_path / "simulation.log").read_text())
        assert figures.beats_read > 1000
        assert figures.refreshes > figures.cycles // 1000


@pytest.mark.cosim
def test_the_first_beat(usual, tmp_path):
    """16 cycles from an address to its beat, of a closed bank, and the source's cycle each end."""
    assert send(usual, tmp_path, kinds=1, bursts=1, beats=1, step=8).cycles == 16 + 2


@pytest.mark.cosim
@pytest.mark.slow
def test_a_million_beats(usual, tmp_path):
    figures = send(usual, tmp_path, kinds=3, beats=0, bursts=16_000, window=1 << 25, masks=1)
    assert clean(figures)
    assert figures.beats_read + figures.beats_written > 1_000_000


@pytest.mark.cosim
@pytest.mark.parametrize("kinds", [1, 2, 3])
@pytest.mark.parametrize("step", [512, 4096, 0])
def test_long_bursts_fill_the_bus(usual, kinds, step, tmp_path):
    """In a row, each in another row of the same bank, and anywhere."""
    figures = send(usual, tmp_path, kinds=kinds, beats=64, step=step, bursts=200, window=1 << 24)
    assert clean(figures)
    assert share_of_bus(figures, ANY_16, 64) > 0.95


@pytest.mark.cosim
@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"t_rcd": 30_000}, "tRCD"),
        ({"t_rp": 30_000}, "tRP"),
        ({"t_ras": 75_000}, "tRAS"),
        ({"t_rc": 150_000}, "tRC"),
        ({"t_rrd": 80_000}, "tRRD"),
        ({"t_rfc": 80_000}, "tRFC"),
        ({"t_wr": 30_000}, "tWR"),
        ({"t_mrd": 20}, "tMRD"),
        ({"t_init": 210_000_000}, "wait after power-up"),
        ({"t_refi": 3_000_000}, "a refresh is late"),
        ({"t_setup": 6_000}, "set-up of a command"),
        ({"t_hold": 6_000}, "hold of a command"),
        ({"first_refreshes": 9}, "first refreshes"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
def test_a_longer_time_is_noticed(usual, setting, told, tmp_path):
    """The memory is slower than the controller was told: each of its checks must say so."""
    figures = send(usual, tmp_path, **USUAL, **setting)
    assert figures.sdram_errors
    assert told in (tmp_path / "simulation.log").read_text()


@pytest.mark.cosim
@pytest.mark.parametrize(
    "setting",
    [{"in_delay": 9_000}, {"out_delay": 100, "in_delay": 100}, {"late": 0}, {"late": 2}],
    ids=lambda setting: "-".join(setting),
)
def test_reading_at_the_wrong_time_is_noticed(usual, setting, tmp_path):
    assert send(usual, tmp_path, **USUAL, **setting).differing


@pytest.mark.cosim
@pytest.mark.parametrize("delay", [3000, *slow(300, 6000)])
def test_every_pad_delay_has_its_setting(usual, delay, tmp_path):
    """Delays of 0.6 to 12 ns out and in: some phase of the memory's clock and some ``late`` fit."""
    good = [
        (phase, late)
        for phase in (3_000, 7_000)
        for late in range(4)
        if clean(
            send(
                usual, tmp_path, kinds=3, beats=8, bursts=20, window=1 << 12,
                phase=phase, late=late, out_delay=delay, in_delay=delay,
            )
        )
    ]  # fmt: skip
    assert good, "no setting reads what was written"
