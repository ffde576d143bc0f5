"""Maps that some readers take with stride 1 and others with stride 2, computed twice.

On chip the columns of such a map would have to lie both one after another and even and odd ones
apart. Where both maps stay there, computing it again can be cheaper than memory.
"""

from dataclasses import replace

from compiler.backend.job import Job
from compiler.backend.lower import Lowered


def with_second_maps(lowered: Lowered) -> Lowered:
    """Second storages, and jobs that write them, for the readers of stride 2 of such maps.

    The picture is not read again for it. ``lowered`` itself where there are none.
    """
    storages, jobs = dict(lowered.storages), list(lowered.jobs)
    for name, storage in lowered.storages.items():
        writers = [number for number, job in enumerate(jobs) if job.output == name]
        strides = {job.strides[1] for job in jobs if name in job.inputs}
        pictures = any(
            storages[source].is_picture for number in writers for source in jobs[number].inputs
        )
        if not writers or len(strides) == 1 or storage.kind != "codes" or pictures:
            continue
        second = f"{name}@stride2"
        while second in storages:
            second += "'"
        storages[second] = replace(storage, name=second)
        again = [
            replace(jobs[number], name=f"{jobs[number].name}@stride2", output=second,
                    bit_operations=0)
            for number in writers
        ]  # fmt: skip
        jobs[writers[-1] + 1 : writers[-1] + 1] = again
        jobs = [_reading(job, name, second) if job.strides[1] == 2 else job for job in jobs]
    if len(jobs) == len(lowered.jobs):
        return lowered
    return replace(lowered, storages=storages, jobs=tuple(jobs))


def _reading(job: Job, name: str, other: str) -> Job:
    """A job that reads ``other`` where it has read ``name``."""
    if name not in job.inputs:
        return job
    images = tuple(
        (other if source == name else source, image) for source, image in job.span.images
    )
    return replace(job, span=replace(job.span, images=images))
