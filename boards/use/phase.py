"""Another phase of the memory's clock, for a design that has been placed and routed.

Only two settings of the PLL differ: the configuration that nextpnr wrote is changed and packed
again, which takes seconds where placing takes an hour.
"""

import json
import re
from dataclasses import replace
from math import ceil, floor
from pathlib import Path

from arch.files import write_whole
from boards.bitstream import BITSTREAM, CONFIGURATION, REPORT, pack
from boards.design import Design
from boards.pll import PllSettings
from boards.sdram.part import LEAST_PHASE, LEAST_REST, USUAL_LATE
from boards.toolchain import ToolError

STEP_NS = 1.0
"""Of a sweep."""
TRIED = "phase.bit"
"""The bitstream of a sweep's step, beside the design's."""


def phases(design: Design) -> list[float]:
    """Phases in ns that a sweep tries: steps of the PLL, where commands are taken safely."""
    pll = design.pll
    last = floor((1000 / pll.clock_mhz - LEAST_REST) / pll.part_ns)
    step = max(1, round(STEP_NS / pll.part_ns))
    parts = [*range(ceil(LEAST_PHASE / pll.part_ns), last, step), last]
    return [part * pll.part_ns for part in parts]


def best_phase(good: dict[float, list[int]]) -> tuple[float, int] | None:
    """The phase and the read timing with most room on either side; None where there are none.

    ``good`` has the read timings at which memory is read rightly, by phase. The longest run of
    phases is taken, of runs of one length the one at the usual timing, and its middle.
    """
    runs: list[tuple[float, bool, list[float], int]] = []
    for late in sorted({late for each in good.values() for late in each}):
        run: list[float] = []
        for phase in [*sorted(good), None]:
            if phase is not None and late in good[phase]:
                run.append(phase)
            elif run:
                runs.append((run[-1] - run[0], late == USUAL_LATE, run, late))
                run = []
    if not runs:
        return None
    _, _, run, late = max(runs)
    return run[len(run) // 2], late


def with_phase(configuration: str, settings: PllSettings) -> str:
    """A configuration with the phase of ``settings``; :class:`ToolError` if it has none."""
    coarse, fine = settings.memory_phases
    for word, bits in (("CLKOS_CPHASE", f"{coarse:07b}"), ("CLKOS_FPHASE", f"{fine:03b}")):
        setting = re.compile(rf"^word: {word} [01]{{{len(bits)}}}$", re.MULTILINE)
        configuration, found = setting.subn(f"word: {word} {bits}", configuration)
        if found != 1:
            raise ToolError(f"{CONFIGURATION} sets {word} {found} times, not once; build it again")
    return configuration


def pack_with_phase(folder: Path, design: Design, phase_ns: float, *, keep: bool) -> Path:
    """Make a bitstream with another phase, and return it.

    With ``keep`` it becomes the folder's bitstream, configuration and report; else it is ``TRIED``.
    """
    settings = replace(design, phase_ns=phase_ns).pll
    source = folder / CONFIGURATION
    if not source.exists():
        raise ToolError(f"{source}: is not there any more; make it again: python -m boards build")
    text = with_phase(source.read_text(), settings)
    if not keep:
        changed = folder / "phase.config"
        changed.write_text(text)
        return pack(folder, changed.name, TRIED)
    write_whole(source, text)
    report = json.loads((folder / REPORT).read_text())
    report["memory_phase_ns"] = round(settings.phase_ns, 3)
    write_whole(folder / REPORT, json.dumps(report, indent=1) + "\n")
    return pack(folder, CONFIGURATION, BITSTREAM)
