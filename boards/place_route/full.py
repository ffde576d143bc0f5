"""Placement and routing of a nearly full device, or of a large netlist, in five steps.

What is said here of nextpnr-ecp5 0.11 was seen with 80 to 85 % of the LFE5U-25F's slots and as many
of its flip-flops in use, half of them in carry chains of three tiles.

1. nextpnr places. Its default placer, heap, may not come to an end when it makes such a placement
   legal; ``static`` does, in four minutes.
2. :mod:`boards.place_route.anneal` shortens the wires by a quarter.
3. :mod:`boards.place_route.route` leads the nets in half a minute. ``router1`` needs thirteen
   minutes; ``router2`` comes down to 3,000 of 430,000 wires in conflict and stays there (also
   with ``--router2-alt-weights``).
4. :mod:`boards.place_route.fixed_places` makes all places constraints.
5. nextpnr puts the cells there, takes over the ways, leads what is left (clocks, carries, pads)
   with ``router1``, and says how fast the design is.

What came out is compared with the netlist (:mod:`boards.readback.agreement`).

The clock comes in at a clock input: otherwise its way to the clock network crosses the device.
"""

import re
from dataclasses import replace
from pathlib import Path

from boards.devices import Device
from boards.pinless import CLOCK
from boards.place_route.anneal import Schedule, anneal
from boards.place_route.fixed_places import fix_places
from boards.place_route.route import route
from boards.place_route.sites import sites
from boards.readback.agreement import check_agreement, outputs, routed_netlist
from boards.toolchain import (
    Placement,
    PlacementError,
    TimeLimitError,
    nextpnr_command,
    place_and_route,
    run_tool,
)

SHARE = 0.7
"""Of a device's slots: from here on it counts as full."""
LARGE_SLOTS = 15_000
"""From this size on, too, whatever the device: ``heap`` makes wires a fifth longer than ``static``,
``router2`` comes to no end, and ``router1`` takes long (22,500 slots on an LFE5UM5G-85F: 41,000 of
154,000 connections were without a way after 20 minutes; 12,700 slots: five minutes in all)."""
SYNTHESIS = "-nowidelut"
"""Of synth_ecp5: no multiplexers of several slots, which saves 400 slots of 20,000."""
ROUTER = "router1"
PINS = "pins.lpf"
PLACE = ["--placer", "static", "--no-route"]
ROUTE = ["--no-pack"]
ROUTING_SECONDS = 4 * 3600.0
"""``router1`` does not give up by itself."""
SLOTS = {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6}
"""Slots of yosys' cells."""


def needs_full_flow(cells: dict[str, int], device: Device) -> bool:
    """Whether a netlist of these cells should be placed and routed as this module does it."""
    slots = sum(SLOTS.get(cell, 0) * count for cell, count in cells.items())
    return slots > min(SHARE * device.slots, LARGE_SLOTS)


def place_and_route_full(
    *,
    device: Device,
    folder: Path,
    seed: int,
    clock_mhz: float,
    netlist: str = "netlist.json",
    schedule: Schedule | None = None,
    pins: str | None = None,
    configuration: str | None = None,
) -> Placement:
    """Place and route ``netlist``; logs: ``seed<N>.placed.log``, ``.anneal.log``,
    ``.route.log`` and ``.log``.

    ``pins`` are constraints (LPF) in place of a lone clock at the device's clock input;
    ``configuration`` is the file for the device's (by default ``seed<N>.config``). Raises
    :class:`boards.toolchain.PlacementError` where no route is found in time, and
    :class:`boards.toolchain.ToolError`, also where the configuration does not do what the netlist
    says.
    """
    (folder / PINS).write_text(
        pins
        or f'LOCATE COMP "{CLOCK}" SITE "{device.clock_site}";\n'
        f'IOBUF PORT "{CLOCK}" IO_TYPE=LVCMOS33;\n'
    )
    flags = [*device.nextpnr_flags, "--lpf", PINS]
    placed, annealed = f"seed{seed}.placed.json", f"seed{seed}.annealed.json"
    configuration = configuration or f"seed{seed}.config"
    seconds = run_tool(
        nextpnr_command(
            flags=flags,
            netlist=netlist,
            seed=seed,
            clock_mhz=clock_mhz,
            extra=[*PLACE, "--write", placed],
        ),
        folder=folder,
        log=f"seed{seed}.placed.log",
        label=f"placing, seed {seed}",
    )
    seconds += anneal(
        folder=folder,
        placed=placed,
        annealed=annealed,
        seed=seed,
        schedule=schedule or Schedule(),
        # nextpnr's own settings travel in the netlist, and go before its command line.
        settings={"router": ROUTER},
        sites=sites(device.name),
    )
    seconds += route(folder=folder, netlist=annealed, device=device.name, seed=seed)
    fix_places(folder / annealed)
    try:
        routed = place_and_route(
            flags=flags,
            folder=folder,
            seed=seed,
            netlist=annealed,
            clock_mhz=clock_mhz,
            router=ROUTER,
            extra=[*ROUTE, *outputs(seed, configuration)],
            label="completing the routing",
            limit=ROUTING_SECONDS,
        )
    except TimeLimitError as error:
        left = connections_left((folder / f"seed{seed}.log").read_text())
        raise PlacementError(
            f"{error}: {left} connections were without a way. {device.name} is too full for "
            f"this placement; try another seed, fewer slots, or a larger --device"
        ) from None
    check_agreement(folder / routed_netlist(seed), folder / configuration)
    return replace(routed, seconds=round(seconds + routed.seconds, 1))


def connections_left(log: str) -> str:
    """How many connections ``router1`` logged last as not routed; "unknown" without any.

    Its lines: ``Info: iterations | with, without rip-up | the same, new | remaining | seconds |``.
    """
    counts = re.findall(r"^Info: +\d+ \|[^|]+\|[^|]+\| +(\d+)\|", log, re.MULTILINE)
    return f"{int(counts[-1]):,}" if counts else "unknown"
