"""The form that a picture is stored in: that of fewest cycles, or of fewest bytes on a line."""

from arch.machine import Machine
from arch.memory import Memory
from compiler.backend.lower import Lowered, lower
from compiler.backend.packing import pack
from compiler.backend.padding import Demand
from compiler.backend.pictures.pairs import takes_pairs
from compiler.backend.storage import lay_out
from compiler.backend.tiling.choose import Tilings
from compiler.backend.traffic import Traffic
from compiler.errors import CapacityError
from golden.network import Network


def lower_picture(
    network: Network, machine: Machine, memory: Memory, *, line: bool
) -> Lowered:
    """The network lowered with its picture in the form that takes fewest cycles.

    ``line``: the picture comes over a line that is slower than the machine, and so as rows of
    pixels: three bytes of each cross it, where blocks have four, and pairs of rows six.
    """
    if line:
        return lower(network, machine, blocks=False)
    usual = lower(network, machine)
    if not takes_pairs(Demand(network).consumers[network.input]):
        return usual
    pairs = lower(network, machine, pairs=True)
    if not pairs.storages[network.input].pairs:
        return usual
    return min(usual, pairs, key=lambda found: _cycles(found, network.input, machine, memory))


def _cycles(lowered: Lowered, picture: str, machine: Machine, memory: Memory) -> float:
    """An estimate for the jobs that read the picture, one after another."""
    traffic, storages = Traffic(machine, memory), lowered.storages
    layouts = {name: lay_out(storage, machine) for name, storage in storages.items()}
    readers = [job for job in lowered.jobs if picture in job.inputs]
    try:
        return sum(
            Tilings(pack(job, storages, machine), layouts, traffic).best().cycles for job in readers
        )
    except CapacityError:
        return float("inf")
