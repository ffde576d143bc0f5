"""Jobs whose 1-bit codes are the signs of sums: thresholds added up on the array itself.

A block of codes leaves column by column, which is longer than the few passes of a binary layer
take. Signs leave a transfer at a time (docs/machine.md, 5), but a sum has a sign only if its
threshold has been taken off. So passes count 64 less where they say so, the same for all rows, and
what a row wants beside that comes from lanes whose activations read as 0: a pass counts the ones in
their weights. Lane groups that a pass leaves idle cost nothing; where these do not suffice, there
are passes more with idle groups alone.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from arch.formats import GROUP_LANES, LANE_GROUPS
from arch.machine import Machine
from compiler.backend.job import Job
from compiler.backend.packing import Packed, Packing, SignBias
from compiler.backend.pass_table import PackedPass
from compiler.backend.requantising.array_thresholds import relate, sum_thresholds
from compiler.backend.storage import Layout, Storage
from golden.network import Thresholds

LANES = LANE_GROUPS * GROUP_LANES
MOST_EXTRA = 3
"""Passes more than that are not tried."""
_RISING: WeakKeyDictionary[Job, dict[Machine, tuple[Job, np.ndarray]]] = WeakKeyDictionary()
"""A job whose codes rise with its sums, and what these must be less than: the same wherever its
input lies."""


def as_signs(
    packed: Packed, storages: Mapping[str, Storage], machine: Machine
) -> Packed | None:
    """The job with its codes as signs; None where they cannot be."""
    if not (machine.signs and _has_one_threshold(packed, storages[packed.job.output])):
        return None
    known = _RISING.setdefault(packed.job, {})
    if machine not in known:
        rising = replace(packed, job=_rising(packed.job))
        known[machine] = rising.job, _levels(rising, storages, machine)
    job, levels = known[machine]
    packed = replace(packed, job=job)
    weights = _pass_weights(packed.packing.passes)
    for count in range(MOST_EXTRA + 1):
        for extra in itertools.combinations_with_replacement(sorted(set(weights)), count):
            found = _biased(packed, weights, extra, levels)
            if found is not None:
                return found
    return None


def leaves_in_transfers(layout: Layout, machine: Machine) -> bool:
    """Whether rows of a map in memory begin with a transfer, behind their halo."""
    storage = layout.storage
    transfer = machine.transfer_bytes // machine.plane_bytes
    return storage.left % transfer == 0 and layout.pitch % transfer == 0


def _has_one_threshold(packed: Packed, output: Storage) -> bool:
    job = packed.job
    plain = len(job.captures) == 1 and job.pooling == 1 and not job.turns and job.enlarge == 1
    return (
        plain
        and job.thresholds is not None
        and output.bits == 1
        and packed.grid.odd
        and packed.packing.loop is None
    )


def _rising(job: Job) -> Job:
    """The job with every code 1 where its sum is large enough: rows are negated where that is so
    for small ones."""
    sign = job.thresholds.sign.astype(np.int64)
    kept: dict[int, np.ndarray] = {}  # taps may share their weights, and go on to

    def negated(weights: np.ndarray) -> np.ndarray:
        return kept.setdefault(id(weights), weights * sign[:, None])

    taps = tuple(replace(tap, weights=negated(tap.weights)) for tap in job.span.taps)
    span = replace(job.span, taps=taps, constant=job.span.constant * sign)
    thresholds = Thresholds(levels=job.thresholds.levels, sign=np.ones_like(job.thresholds.sign))
    return replace(job, span=span, thresholds=thresholds)


def _levels(
    packed: Packed, storages: Mapping[str, Storage], machine: Machine
) -> np.ndarray:
    """For each row of the row blocks int64, what a sum must be less than; rows that do not exist
    have none that is."""
    job = packed.job
    codes = [packed.grid.codes(tap) for tap in job.span.taps]
    relation = relate(packed, codes, storages, range(len(codes)))
    wanted = sum_thresholds(job.thresholds, relation, 1, machine)
    levels = np.clip(wanted.levels[:, 0], wanted.low, wanted.high + 1)
    return np.pad(levels, (0, -len(levels) % machine.rows))


def _pass_weights(passes: Sequence[PackedPass]) -> list[int]:
    """How often what a pass counts is in a block's sum: doubled by every doubling behind it."""
    weights, weight = [], 1
    for step in reversed(passes):
        weights.append(weight)
        weight <<= step.double
    return weights[::-1]


def _biased(
    packed: Packed, weights: Sequence[int], extra: Sequence[int], levels: np.ndarray
) -> Packed | None:
    """The job with a pass more of each weight in ``extra``; None where that does not suffice."""
    passes, all_weights = _with_extra(packed.packing.passes, weights, extra)
    room = {
        (number, group): weight
        for number, (step, weight) in enumerate(zip(passes, all_weights, strict=True))
        for group, product in enumerate(step.products)
        if product is None
    }
    less = -(-int(levels.max()) // LANES)
    bias = less * LANES - levels
    if less > sum(all_weights) or bias.max() > GROUP_LANES * sum(room.values()):
        return None
    marked, rest = [], less
    for number in _heaviest_first(all_weights):
        if all_weights[number] <= rest:
            rest -= all_weights[number]
            marked.append(number)
    lanes = list(_shared_out(bias, room))
    if rest or not _adds_up(lanes, bias, room):
        return None
    words = _words(packed.packing, passes, lanes)
    biased: dict[int, list[tuple[int, int]]] = {}
    biases = {}
    for (number, group), count in lanes:
        word = words[group, count.tobytes()]
        biased.setdefault(number, []).append((group, word))
        biases[word, group] = SignBias(word, group, count)
    taken = packed.packing.taken | {(group, word) for word, group in biases}
    steps = tuple(
        replace(
            step,
            less=number in marked,
            biased=tuple(biased.get(number, ())),
            idle_word=_idle_word(step, {group for group, _ in biased.get(number, ())}, taken),
        )
        for number, step in enumerate(passes)
    )
    used = [word for word, _ in biases] + [step.idle_word for step in steps if _idle(step)]
    count = max([packed.packing.word_count, *(1 + word for word in used)])
    packing = replace(packed.packing, passes=steps, word_count=count)
    return replace(packed, packing=packing, biases=tuple(biases.values()), signs=True)


def _words(
    packing: Packing,
    passes: Sequence[PackedPass],
    lanes: Sequence[tuple[tuple[int, int], np.ndarray]],
) -> dict[tuple[int, bytes], int]:
    """A weight word for each content of each group: one that no product has there, and no idle
    group that must see zeros."""
    taken = set(packing.taken)
    biased = {place for place, _ in lanes}
    taken |= {
        (group, step.idle_word)
        for number, step in enumerate(passes)
        for group, product in enumerate(step.products)
        if product is None and (number, group) not in biased
    }
    found: dict[tuple[int, bytes], int] = {}
    for (_, group), count in lanes:
        key = group, count.tobytes()
        if key not in found:
            found[key] = next(word for word in itertools.count() if (group, word) not in taken)
            taken.add((group, found[key]))
    return found


def _idle(step: PackedPass) -> bool:
    """Whether a pass is one more than the products need."""
    return not any(step.products)


def _idle_word(step: PackedPass, biased: set[int], taken: set[tuple[int, int]]) -> int:
    """The word that idle groups see which set no lanes: packing left one for its own passes, and
    a pass more needs one in which these groups have nothing."""
    if not _idle(step):
        return step.idle_word
    groups = set(range(LANE_GROUPS)) - biased
    return next(
        word
        for word in itertools.count()
        if not any((group, word) in taken for group in groups)
    )


def _with_extra(
    passes: Sequence[PackedPass], weights: Sequence[int], extra: Sequence[int]
) -> tuple[list[PackedPass], list[int]]:
    """The passes and their weights, with idle ones behind the last one of the same weight."""
    found, found_weights = [], []
    for number, (step, weight) in enumerate(zip(passes, weights, strict=True)):
        found.append(step)
        found_weights.append(weight)
        if number == len(passes) - 1 or weights[number + 1] != weight:
            idle = PackedPass((None,) * LANE_GROUPS, double=False)
            count = list(extra).count(weight)
            found += [idle] * count
            found_weights += [weight] * count
    return found, found_weights


def _heaviest_first(weights: Sequence[int]) -> list[int]:
    return sorted(range(len(weights)), key=lambda number: (-weights[number], number))


def _shared_out(
    bias: np.ndarray, room: Mapping[tuple[int, int], int]
) -> Iterator[tuple[tuple[int, int], np.ndarray]]:
    """For each (pass, group), heavy ones first, how many lanes of it each row sets."""
    rest = bias.copy()
    for place in sorted(room, key=lambda place: (-room[place], place)):
        if not rest.any():
            return
        count = np.minimum(rest // room[place], GROUP_LANES)
        rest -= count * room[place]
        if count.any():
            yield place, count


def _adds_up(
    lanes: Sequence[tuple[tuple[int, int], np.ndarray]],
    bias: np.ndarray,
    room: Mapping[tuple[int, int], int],
) -> bool:
    total = np.zeros_like(bias)
    for place, count in lanes:
        total += count * room[place]
    return bool((total == bias).all())
