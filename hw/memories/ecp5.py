"""Block RAM cells of ECP5, instantiated because synthesis does not infer their output register."""

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Signal

BLOCK_RAM_SHAPES = ((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1))
"""Depth and width of a DP16KD (Lattice FPGA-TN-02204, "Embedded memory")."""
ADDRESS_BITS = 14
BYTE = 9
HALF = 18
"""Data pins per port: a word of 36 bits uses those of both."""


def dual_port_ram(ram) -> Module:
    """Build a :class:`hw.memories.block_ram.BlockRam` from DP16KD: port A writes, port B reads.

    Every write enable rules whole bytes of a cell (9 bits, or the cell's width if that is less), so
    a word is cut into pieces that belong to one enable and fit a byte.
    """
    m = Module()
    shapes = [shape for shape in BLOCK_RAM_SHAPES if shape[0] >= ram.depth]
    if not shapes:
        raise ValueError(
            f"a block RAM has at most {BLOCK_RAM_SHAPES[-1][0]} words, not {ram.depth}"
        )
    cell_width = shapes[0][1]
    byte = min(BYTE, cell_width)
    pieces = []
    for start in range(0, ram.width, ram.granularity):
        end = min(start + ram.granularity, ram.width)
        for low in range(start, end, byte):
            enable = ram.write_enable[start // ram.granularity]
            pieces.append((slice(low, min(low + byte, end)), enable))
    per_cell = cell_width // byte
    for index in range(0, len(pieces), per_cell):
        _add_cell(m, ram, f"cell{index // per_cell}", cell_width, pieces[index : index + per_cell])
    return m


def _add_cell(m: Module, ram, name: str, width: int, pieces: list) -> None:
    """Add one DP16KD, of ``width`` bits, that holds ``pieces`` of the word, one per byte."""
    byte = min(BYTE, width)
    unused_address = {36: 5, 18: 4, 9: 3, 4: 2, 2: 1, 1: 0}[width]
    zeros = Const(0, unused_address)
    write_address = Cat(zeros, ram.write_address)
    read_address = Cat(zeros, ram.read_address)
    if width >= HALF:
        # The low address pins are byte enables.
        enables = Cat(enable for _, enable in pieces)
        write_address = Cat(enables, Const(0, unused_address - len(enables)), ram.write_address)
        write_enable = Const(1)
    else:
        write_enable = pieces[0][1]
    written = Cat(Cat(ram.write_data[part], Const(0, byte))[:byte] for part, _ in pieces)
    wide = width > HALF
    low, high = Signal(HALF, name=f"{name}_low"), Signal(HALF, name=f"{name}_high")
    # A narrow word leaves by port B; of a wide one port B has the upper half.
    read = Cat(low, high) if wide else high
    for position, (part, _) in enumerate(pieces):
        bits = part.stop - part.start
        m.d.comb += ram.read_data[part].eq(read[position * byte : position * byte + bits])

    def pins(prefix, value, count):
        value = Cat(value, Const(0, count))
        return {f"i_{prefix}{pin}": value[pin] for pin in range(count)}

    m.submodules[name] = Instance(
        "DP16KD",
        p_DATA_WIDTH_A=width,
        p_DATA_WIDTH_B=width,
        p_REGMODE_A="OUTREG" if wide else "NOREG",
        p_REGMODE_B="OUTREG",
        p_RESETMODE="SYNC",
        p_ASYNC_RESET_RELEASE="SYNC",
        p_WRITEMODE_A="NORMAL",
        p_WRITEMODE_B="NORMAL",
        p_GSR="DISABLED",
        i_CLKA=ClockSignal(),
        i_WEA=write_enable,
        i_CEA=Const(1),
        i_OCEA=Const(1),
        i_RSTA=Const(0),
        i_CLKB=ClockSignal(),
        i_WEB=Const(0),
        i_CEB=Const(1),
        i_OCEB=Const(1),
        i_RSTB=Const(0),
        **pins("CSA", Const(0), 3),
        **pins("CSB", Const(0), 3),
        **pins("ADA", write_address, ADDRESS_BITS),
        **pins("ADB", read_address, ADDRESS_BITS),
        **pins("DIA", written[:HALF], HALF),
        **pins("DIB", written[HALF:], HALF),
        **{f"o_DOA{pin}": low[pin] for pin in range(HALF)},
        **{f"o_DOB{pin}": high[pin] for pin in range(HALF)},
    )
