"""The table that a build prints: what each layer costs and how well it uses the array."""

from compiler.flow import Compiled


def layer_table(compiled: Compiled) -> str:
    """One line per work: passes per block, tiles, cycles, share of useful bit products."""
    machine = compiled.machine
    lines = [
        f"{'layer':24s} {'map':>11s} {'bits':>5s} {'passes':>6s} {'tiles':>5s} {'cycles':>9s} "
        f"{'useful':>7s}"
    ]
    total_cycles = total_useful = 0
    for layer in compiled.layers:
        work, tiling = layer.work, layer.tiling
        cycles = 0
        for tile in tiling.tiles:
            rows, per_row = tiling.blocks(work, tile, machine)
            cycles += rows * per_row * len(layer.table)
        cycles *= len(layer.weights) * len(work.scatter)
        storage = compiled.lowered.storages[work.images[0][0]]
        bits = 8 if storage.kind == "picture" else storage.bits
        share = work.bit_operations / (cycles * machine.binary_macs)
        lines.append(
            f"{work.name[:24]:24s} {work.outputs:>3d}x{work.height:>3d}x{work.width:<3d} "
            f"{bits}x{layer.packed.weight_bits:<3d} {len(layer.table):6d} "
            f"{len(tiling.tiles):5d} {cycles:9d} {share:7.1%}"
        )
        total_cycles += cycles
        total_useful += work.bit_operations
    share = total_useful / (total_cycles * machine.binary_macs)
    lines.append(f"{'total':24s} {'':11s} {'':5s} {'':6s} {'':5s} {total_cycles:9d} {share:7.1%}")
    return "\n".join(lines)
