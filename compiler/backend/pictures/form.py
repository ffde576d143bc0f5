"""Whether a picture is stored as pairs of rows: if its readers are estimated to be faster so."""

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
    network: Network, machine: Machine, memory: Memory, *, sent_once: bool
) -> Lowered:
    """The network lowered with its picture in the form that takes fewest cycles.

    ``sent_once``: the picture comes over a line that is slower than the machine, and so every
    pixel once.
    """
    usual = lower(network, machine)
    if sent_once or not takes_pairs(Demand(network).consumers[network.input]):
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
