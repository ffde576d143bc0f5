"""Results taken out of a memory at the end of a line: all of them, or only where boxes can be.

What is fetched of a result is what the machine left; everywhere else its sums are set so that what
is compared (``host.candidates``) fails, and all others stand for values near 0. So whoever decodes
the memory finds the same boxes in it as in the whole results.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from arch.link import CRC_BYTES, HEADER_BYTES, UNIT
from golden.formats import pack_map
from host.candidates.records import Candidates
from host.line.packets import Records
from host.manifest import Manifest, StoredMap
from host.memory import layer_format, read_layer

Report = Callable[[int], None]
PACKET_BYTES = HEADER_BYTES + UNIT + CRC_BYTES + 2 + CRC_BYTES
"""What a command for records costs on the line, both ways, besides what it reads."""


class Reader(Protocol):
    """Memory at the other end of a line (``host.link.Link``)."""

    def read(self, address: int, length: int, report: Report | None = None) -> bytes: ...

    def gather(
        self, records: Sequence[Records], report: Report | None = None
    ) -> list[bytes]: ...


@dataclass(frozen=True)
class Run:
    """Neighbouring positions of a row of a stored map, in all of its images: bytes ``start`` to
    ``end`` of the first one, and what a reader is asked for."""

    start: int
    end: int
    records: Records


def fetch_map(
    reader: Reader, memory: np.ndarray, layer: StoredMap, report: Report | None = None
) -> None:
    """Read a whole map, with what lies between its rows, into its place in ``memory``."""
    form = layer_format(layer)
    start, end = form.address - form.address % UNIT, form.end + -form.end % UNIT
    content = np.frombuffer(reader.read(start, end - start, report), np.uint8)
    memory[form.address : form.end] = content[form.address - start : form.end - start]


def fetch_results(
    reader: Reader, memory: np.ndarray, manifest: Manifest, report: Report | None = None
) -> None:
    """Read all results, and all that those of the host are made of."""
    for tensor in read_tensors(manifest):
        fetch_map(reader, memory, manifest.layer_of(tensor), report)


def fetch_candidates(
    reader: Reader, memory: np.ndarray, manifest: Manifest, report: Report | None = None
) -> int:
    """Read results as far as boxes of the manifest's ``confidence`` need them, or the features of
    those that the host computes; the number of places where there can be some."""
    tensors = fetched_tensors(manifest)
    whole = dict(tensors)
    hosted = manifest.head_names
    runs: dict[tuple[str, str], list[Run]] = {}
    places = 0
    for candidates in manifest.candidates:
        where = manifest.layer_of(candidates.tensor)
        fetch_map(reader, memory, where, report)
        wanted = read_layer(memory, where).any(0)
        places += int(wanted.sum())
        for name in candidates.results:
            layer = manifest.layer_of(tensors[name])
            own = list(runs_of(layer, wanted))
            if sum(run.records.size + PACKET_BYTES for run in own) < map_bytes(layer):
                if name not in hosted:
                    fill(memory, layer, candidates if name == candidates.of else None)
                runs[candidates.tensor, layer.tensor] = own  # heads may share their features
                del whole[name]
    wanted_runs = [run for own in runs.values() for run in own]
    contents = reader.gather([run.records for run in wanted_runs], report)
    for run, content in zip(wanted_runs, contents, strict=True):
        place(memory, run, content)
    for tensor in dict.fromkeys(whole.values()):
        fetch_map(reader, memory, manifest.layer_of(tensor), report)
    return places


def fetched_tensors(manifest: Manifest) -> dict[str, str]:
    """For every result by name the tensor in memory that it is made of: its sums, or features."""
    tensors = {output.name: output.tensor for output in manifest.outputs}
    return tensors | {head.of: head.features for head in manifest.heads}


def read_tensors(manifest: Manifest) -> tuple[str, ...]:
    """All tensors in memory that the results are made of: sums, features, and where these count."""
    maps = [
        each.tensor
        for each in manifest.candidates
        if manifest.head_names.intersection(each.results)
    ]
    return tuple(dict.fromkeys((*fetched_tensors(manifest).values(), *maps)))


def map_bytes(layer: StoredMap) -> int:
    """Bytes that :func:`fetch_map` reads."""
    form = layer_format(layer)
    return form.end + -form.end % UNIT - (form.address - form.address % UNIT)


def runs_of(layer: StoredMap, wanted: np.ndarray) -> Iterator[Run]:
    """The places of a map that are ``wanted`` [height, width], row by row."""
    images = layer_format(layer).images
    for y in np.flatnonzero(wanted.any(1)):
        edges = np.flatnonzero(np.diff(wanted[y].astype(np.int8), prepend=0, append=0))
        for first, stop in edges.reshape(-1, 2).tolist():
            row = layer.address + int(y) * layer.row_bytes
            start, end = row + first * layer.position_bytes, row + stop * layer.position_bytes
            low, high = start - start % UNIT, end + -end % UNIT
            yield Run(start, end, Records(low, high - low, layer.image_bytes, images))


def place(memory: np.ndarray, run: Run, content: bytes) -> None:
    """Put what was read where it belongs: its own bytes alone, for parts of other places would make
    sums of those that nobody knows."""
    records = run.records
    rows = np.frombuffer(content, np.uint8).reshape(records.number, records.length)
    before, size = run.start - records.address, run.end - run.start
    for image, row in enumerate(rows):
        at = run.start + image * records.stride
        memory[at : at + size] = row[before : before + size]


def fill(memory: np.ndarray, layer: StoredMap, candidates: Candidates | None) -> None:
    """Set a map of raw sums everywhere: those that are compared as far away from passing as they
    can be stored, the others near v = 0."""
    form = layer_format(layer)
    step, top = np.array(layer.step), (1 << form.planes) - 1
    nearest = np.rint(np.array(layer.base) / np.where(step == 0, 1, step))
    sums = np.clip(nearest, 0, top).astype(np.int64)
    if candidates is not None:
        # v falls with the stored sum where the step is positive.
        channels = list(candidates.channels)
        falls = np.array(candidates.sign) * step[channels] > 0
        sums[channels] = np.where(falls, top, 0)
    shape = (form.channels, form.height, form.width)
    pack_map(memory, form, np.broadcast_to(sums[:, None, None], shape))
