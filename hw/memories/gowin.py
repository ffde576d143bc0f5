"""Block RAM cells of Gowin's GW2A, instantiated because synthesis does not infer their output
register, and builds logic around them for reads and writes of one word that never happen."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal

BLOCK_RAM_SHAPES = ((512, 36), (1024, 18), (2048, 9))
"""Depth and width of an SDPX9B (Gowin UG285, "Semi dual port mode")."""
ADDRESS_BITS = 14
DATA_BITS = 36
BYTE = 9
BYTE_ENABLES = {36: 4, 18: 2, 9: 0}
"""Address pins of the write port that enable bytes; the others below the word's number are 0."""
UNUSED_ADDRESS = {36: 5, 18: 4, 9: 3}


def semi_dual_port_ram(ram) -> Module:
    """Build a :class:`hw.memories.block_ram.BlockRam` from SDPX9B: port A writes, port B reads.

    Every write enable rules whole bytes of a cell (9 bits), so a word is cut into pieces that
    belong to one enable and fit a byte.
    """
    m = Module()
    shapes = [shape for shape in BLOCK_RAM_SHAPES if shape[0] >= ram.depth]
    if not shapes:
        raise ValueError(
            f"a block RAM of GW2A has at most {BLOCK_RAM_SHAPES[-1][0]} words here, not {ram.depth}"
        )
    cell_width = shapes[0][1]
    pieces = []
    for start in range(0, ram.width, ram.granularity):
        end = min(start + ram.granularity, ram.width)
        enable = ram.write_enable[start // ram.granularity]
        pieces += [(slice(low, min(low + BYTE, end)), enable) for low in range(start, end, BYTE)]
    per_cell = cell_width // BYTE
    for index in range(0, len(pieces), per_cell):
        _add_cell(m, ram, f"cell{index // per_cell}", cell_width, pieces[index : index + per_cell])
    return m


def _add_cell(m: Module, ram, name: str, width: int, pieces: list) -> None:
    """Add one SDPX9B, of ``width`` bits, that holds ``pieces`` of the word, one per byte."""
    enables = Cat(enable for _, enable in pieces)
    low = UNUSED_ADDRESS[width]
    if BYTE_ENABLES[width]:
        written_bytes = Cat(enables, Const(0, low - len(enables)))
        clock_enable = Const(1)
    else:
        written_bytes = Const(0, low)
        clock_enable = pieces[0][1]
    written = Cat(Cat(ram.write_data[part], Const(0, BYTE))[:BYTE] for part, _ in pieces)
    read = Signal(DATA_BITS, name=f"{name}_read")
    for position, (part, _) in enumerate(pieces):
        bits = part.stop - part.start
        m.d.comb += ram.read_data[part].eq(read[position * BYTE : position * BYTE + bits])

    def padded(value, count):
        return Cat(value, Const(0, count))[:count]

    m.submodules[name] = Instance(
        "SDPX9B",
        p_READ_MODE=Const(1, 1),  # with the output register
        p_BIT_WIDTH_0=width,
        p_BIT_WIDTH_1=width,
        p_BLK_SEL_0=Const(0, 3),
        p_BLK_SEL_1=Const(0, 3),
        p_RESET_MODE="SYNC",
        i_CLKA=ClockSignal(),
        i_CEA=clock_enable,
        i_RESETA=Const(0),
        i_BLKSELA=Const(0, 3),
        i_ADA=padded(Cat(written_bytes, ram.write_address), ADDRESS_BITS),
        i_DI=padded(written, DATA_BITS),
        i_CLKB=ClockSignal(),
        i_CEB=Const(1),
        i_OCE=Const(1),
        i_RESETB=Const(0),
        i_BLKSELB=Const(0, 3),
        i_ADB=padded(Cat(Const(0, low), ram.read_address), ADDRESS_BITS),
        o_DO=read,
    )
