"""What a COMPUTE writes, but for when: its beats and bursts, from its geometry alone."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from arch.errors import OnefourError
from arch.formats import PAGE_BYTES, RAW_CHUNK_PLANES
from arch.isa import PostMode, has_signs
from arch.machine import Machine

WIDE_PIECES = 2
"""Pieces of a column of wide codes that a capture reserves room for, whatever their planes."""
WIDE_LATENCY = 12
"""``hw.results.wide_codes``: cycles by which a column's first piece is later than after thresholds,
beside those in which the column's rows come."""


def wide_delay(machine: Machine) -> int:
    """Return how much later wide codes leave than codes that thresholds make."""
    return WIDE_LATENCY + machine.wide_cycles


class CostError(OnefourError):
    """A machine or program whose cycles this model does not tell exactly."""


class WriteBurst(NamedTuple):
    """A burst of ``beats`` transfers, complete in ``cycle``, that memory takes as ``beat_bytes``
    each: those of a transfer, or those of a beat where it has one transfer of every beat."""

    cycle: int
    beats: int
    beat_bytes: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Results:
    """The transfers ("beats" here) and bursts of one COMPUTE.

    Captures whose results go on are counted from 0; cycles are given from the cycle on in which a
    capture's first piece is combined. A beat leaves the combiner when the first piece of the next
    one comes, the compute's last beat when the compute is closed. Results for the chip make none:
    they need no room in the output buffer, and nothing else keeps them waiting.
    """

    #: Beats for which the output buffer must have room before a capture, and that it reserves.
    room: int
    reserved: int
    #: Cycles that a capture stays in the array, and from its first piece (were it one of
    #: thresholds) to the cycle after its last one.
    capture_cycles: int
    span: int
    #: Whether codes are made in another post mode than THRESHOLDS.
    wide: bool
    #: Which passes of a block capture, and whose results go on.
    places: list[int]
    leaves: list[bool]
    beats: int
    #: ``offsets[bounds[n]:bounds[n + 1]]``: cycles in which beats leave during capture n.
    offsets: list[int]
    bounds: list[int]
    #: ``bursts[burst_bounds[n]:burst_bounds[n + 1]]``, likewise.
    bursts: list[WriteBurst]
    burst_bounds: list[int]
    #: Bursts that are complete when the compute is closed, so many cycles later.
    closing: list[WriteBurst]
    on_chip: bool

    @property
    def block_passes(self) -> int:
        """Passes of a block: the last one captures."""
        return self.places[-1] + 1


def block_passes(compute: dict) -> int:
    """Return the passes of a block: a COMPUTE's (its fields') table span, for every plane pair."""
    pairs = (compute["activation_planes"] + 1) * (compute["weight_planes"] + 1)
    return pairs * (compute["table_last"] - compute["table_start"] + 1)


def is_wide(compute: dict) -> bool:
    """Return whether a COMPUTE (its fields) has another post mode than THRESHOLDS."""
    return compute["post_mode"] is not PostMode.THRESHOLDS


def pieces_of(machine: Machine, compute: dict) -> int:
    """Return the pieces in which each column of a COMPUTE (its fields) leaves, a cycle each: of raw
    sums those that leave together are one."""
    if compute["raw"]:
        return machine.raw_cycles(compute["sum_pieces"] + 1)
    if compute["on_chip"] or has_signs(compute):
        return compute["sum_pieces"] + 1
    return max(1, compute["planes"].count // RAW_CHUNK_PLANES)


def column_cycles(machine: Machine, compute: dict) -> int:
    """Return the cycles from one column of a COMPUTE's (its fields) capture to the next."""
    return machine.wide_cycles if is_wide(compute) else pieces_of(machine, compute)


def results_of(machine: Machine, compute: dict, places: np.ndarray, leaves: np.ndarray) -> Results:
    """Return what a COMPUTE (its fields) writes.

    ``places`` [n]: which passes of a block capture; ``leaves`` bool [n]: whose results go on.
    """
    captures = compute["block_rows"] * compute["row_blocks"] * int(leaves.sum())
    wide, pieces = is_wide(compute), pieces_of(machine, compute)
    each = column_cycles(machine, compute)
    delay, on_chip = wide_delay(machine) if wide else 0, bool(compute["on_chip"])
    turns = machine.sign_turns if has_signs(compute) else machine.columns
    common = {
        "capture_cycles": turns * each,
        "span": (turns - 1) * each + delay + pieces,
        "wide": wide,
        "places": places.tolist(),
        "leaves": leaves.tolist(),
        "on_chip": on_chip,
    }
    if on_chip:
        nothing = {"beats": 0, "offsets": [], "bounds": [], "bursts": [], "burst_bounds": []}
        return Results(room=0, reserved=0, closing=[], **nothing, **common)
    numbers, capture, offset = _beats(machine, compute, captures)
    bounds = np.searchsorted(capture[1:], np.arange(captures + 1))
    lengths, sizes, event, later = _bursts(machine, numbers)
    closes = event == numbers.size - 1
    burst_bounds = np.searchsorted(event[~closes], bounds)
    complete = offset[1:][event[~closes]] + later[~closes]
    return Results(
        room=machine.block_beats
        if compute["raw"] or wide or has_signs(compute)
        else machine.columns,
        reserved=machine.columns * (WIDE_PIECES if wide else pieces),
        beats=numbers.size,
        offsets=offset[1:].tolist(),
        bounds=bounds.tolist(),
        bursts=_listed(complete, lengths[~closes], sizes[~closes]),
        burst_bounds=burst_bounds.tolist(),
        closing=_listed(later[closes], lengths[closes], sizes[closes]),
        **common,
    )


def _beats(
    machine: Machine, compute: dict, captures: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return number (address in beats), capture and offset of the first piece of every beat."""
    columns, raw = machine.columns, bool(compute["raw"])
    chunks, each = pieces_of(machine, compute), column_cycles(machine, compute)
    together = 1
    if has_signs(compute):  # a piece is written once, in the first of its cycles
        chunks, together = 1, machine.slots
    index = np.arange(captures * columns)
    y, x = np.divmod(index, compute["row_length"])
    written = (x < compute["width"]) & (y < compute["height"])
    if compute["pair"] and not raw:
        written &= x & 1 == 1
        x = x >> 1
    index, y, x = index[written], y[written], x[written]
    if not index.size:
        raise CostError("a compute writes nothing: the program would wait for it forever")
    capture, column = np.divmod(index, columns)
    address = compute["address"] + y * compute["row_bytes"] + x * compute["position_bytes"]
    offset = column // together * each + (wide_delay(machine) if is_wide(compute) else 0)
    if chunks > 1:
        piece = np.arange(chunks)
        at_once = machine.pieces_at_once(compute["sum_pieces"] + 1) if raw else 1
        address = (address[:, None] + machine.piece_bytes * at_once * piece).ravel()
        offset = (offset[:, None] + piece).ravel()
        capture = capture.repeat(chunks)
    numbers = address // machine.transfer_bytes
    fresh = np.append(True, numbers[1:] != numbers[:-1])
    return numbers[fresh], capture[fresh], offset[fresh]


def _listed(cycles: np.ndarray, beats: np.ndarray, sizes: np.ndarray) -> list[WriteBurst]:
    each = zip(cycles.tolist(), beats.tolist(), sizes.tolist(), strict=True)
    return [WriteBurst(*burst) for burst in each]


def _bursts(
    machine: Machine, numbers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return every burst's length and bytes a beat, and when it is complete: so many cycles after
    which beat has left.

    A burst goes on with the next number, or from beat to beat of the port in the same place there:
    its first step decides.
    """
    together = machine.beat_bytes // machine.transfer_bytes
    page = PAGE_BYTES // machine.transfer_bytes
    left = page - 1 - numbers % page
    steps = np.diff(numbers)
    goes_on = (steps == 1) | ((steps == together) & (together > 1))
    steps = np.where(goes_on & (left[:-1] // steps.clip(1) > 0), steps, 0)
    # Where other steps follow: up to there a burst may reach.
    turns = np.append(np.flatnonzero(np.diff(steps)) + 1, numbers.size - 1).tolist()
    first, sizes, at, turn = [], [], 0, 0
    while at < numbers.size:
        first.append(at)
        step = int(steps[at]) if at < steps.size else 0
        sizes.append(machine.beat_bytes if step > 1 else machine.transfer_bytes)
        while turns[turn] <= at and turn < len(turns) - 1:
            turn += 1
        at += min(turns[turn] - at + 1, machine.write_burst) if step else 1
    after = np.array([*first[1:], numbers.size])
    lengths = after - np.array(first)
    # It is complete when its last beat says so, or else when another beat comes.
    ended = (left[after - 1] == 0) | (lengths == machine.write_burst)
    ended[-1] = True
    event = np.where(ended, after - 1, np.minimum(after, numbers.size - 1))
    return lengths, np.array(sizes), event, ended.astype(int)
