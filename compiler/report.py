"""The table that a build prints: what each layer costs, and how well it uses the array."""

from collections.abc import Iterator

from arch.link import USUAL_BAUD, line_seconds
from compiler.backend.memory import Placed
from compiler.flow import Compiled
from host.manifest import Manifest
from host.pieces import crossing_bytes

CLOCK_MHZ = 100.0
HEADER = (
    f"{'layer':24s} {'map':>11s} {'bits':>5s} {'passes':>6s} {'tiles':>5s} {'cycles':>9s} "
    f"{'loads':>7s} {'output':>7s} {'drain':>7s} {'useful':>7s}"
)


def layer_table(compiled: Compiled, clock_mhz: float = CLOCK_MHZ) -> str:
    """One line per job, from the cost model.

    ``passes`` is per block. ``cycles`` are those since the pass before the layer's first one; among
    them, ``loads``, ``output`` and ``drain`` are those in which the array waited for loads, for
    room in the output buffer, and for earlier results to leave. ``useful``: share of the array's
    bit products in these cycles that the network asks for. The last line gives frames per second at
    ``clock_mhz``, and the memory.
    """
    machine, prediction = compiled.machine, compiled.prediction
    ends = [compute.last_pass for compute in prediction.computes]
    shares = [end - before for end, before in zip(ends, [-1, *ends], strict=False)]

    def line(name: str, what: str, cycles: int, waits: tuple[int, ...], bits: int) -> str:
        return (
            f"{name:24s} {what:30s} {cycles:9d} {' '.join(f'{wait:7d}' for wait in waits)} "
            f"{bits / (cycles * machine.binary_macs):7.1%}"
        )

    lines = [HEADER]
    for placed, numbers in zip(compiled.plan.jobs, compiled.computes, strict=True):
        computes = [prediction.computes[number] for number in numbers]
        lines.append(
            line(
                placed.job.name[:24],
                _shape(compiled, placed),
                sum(shares[number] for number in numbers),
                (
                    sum(compute.load_wait for compute in computes),
                    sum(compute.output_wait for compute in computes),
                    sum(compute.drain_wait for compute in computes),
                ),
                placed.job.bit_operations,
            )
        )
    waits = prediction.stall_load, prediction.stall_output, prediction.stall_drain
    useful = sum(placed.job.bit_operations for placed in compiled.plan.jobs)
    lines.append(line("total", "", prediction.cycles, waits, useful))
    lines.append(
        f"{clock_mhz * 1e6 / prediction.cycles:.1f} frames/s at {clock_mhz:g} MHz with memory "
        f"{compiled.memory.name}; the array has a pass in "
        f"{prediction.passes / prediction.cycles:.1%} of the cycles"
    )
    return "\n".join(lines)


def _shape(compiled: Compiled, placed: Placed) -> str:
    """Map, bits of input and weights, passes per block and tiles."""
    job, packed = placed.job, placed.tiled.packed
    bits = compiled.lowered.storages[job.span.images[0][0]].operand_bits
    return (
        f"{job.outputs:>3d}x{job.height:>3d}x{job.width:<3d} {bits}x{packed.grid.bits:<3d} "
        f"{packed.table.block_passes:6d} {len(placed.tiled.tiles):5d}"
    )


def piece_lines(manifest: Manifest) -> Iterator[str]:
    """What the host computes in mid-network, and what crosses for it: a line for each piece."""
    for piece in manifest.pieces:
        tensors = ", ".join(repr(read.name) for read in piece.reads)
        made = ", ".join(repr(each.name) for each in piece.writes)
        read, written = crossing_bytes(manifest, piece)
        yield (
            f"{piece.file} on the host: {made} of {tensors}; {read:,} bytes to the host and "
            f"{written:,} back, {1000 * line_seconds(read + written):.1f} ms on a line of "
            f"{USUAL_BAUD / 1e6:g} Mbaud"
        )


def candidate_lines(compiled: Compiled) -> Iterator[str]:
    """Where results are needed at all, if the program says so, and why not if it was asked to."""
    found = compiled.candidates
    if found.reason:
        yield f"hosts fetch all results: {found.reason}"
    elif found.maps:
        names = ", ".join(repr(name) for each in found.maps for name in each.results)
        yield (
            f"hosts that want no box below {found.floor:g} fetch {names} only where one can be; "
            f"the program says where in {len(found.maps)} maps of one bit"
        )
