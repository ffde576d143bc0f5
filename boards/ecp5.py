"""Boards by name: the device that the machine of ``--board`` is meant for. Cores only, no pins."""

from dataclasses import dataclass

from arch import machine as machines
from arch.boards import board_named
from arch.machine import Machine
from boards.devices import GW2A_18, LFE5U_25F, LFE5U_45F, LFE5U_85F, Device, GowinDevice

BOARD_DEVICES = {
    "ecp5": LFE5U_85F,
    "ecp5-85f": LFE5U_85F,
    "ecp5-45f": LFE5U_45F,
    "ecp5-25f": LFE5U_25F,
    "tiny": LFE5U_25F,
}


@dataclass(frozen=True, kw_only=True)
class Board:
    """A device and the machine that goes into it."""

    name: str
    device: Device
    machine: Machine


BOARDS = {
    name: Board(name=name, device=device, machine=board_named(name).machine)
    for name, device in BOARD_DEVICES.items()
}


def device_for(machine: Machine) -> Device | GowinDevice:
    """The device that a machine is meant for; the largest one for machines without a board."""
    if machine.name == machines.GW2A_18.name:
        return GW2A_18
    for board in BOARDS.values():
        if board.machine.name == machine.name:
            return board.device
    return LFE5U_85F
