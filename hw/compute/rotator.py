"""Rotates the columns of one lane group."""

from amaranth.hdl import Cat, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.compute.multiplier import LATENCY, multiplier
from hw.streams.delay import delayed


class Rotator(wiring.Component):
    """Column c takes the word of bank (turn + c) mod C, or 0 if not ``enable``.

    In plain logic, two bits of ``turn`` per cycle: three or four LUTs for each bit of a word. On
    ECP5 a multiplier does it for 16 / C lanes: with v the C bits of a lane, one for each bank,

        product = v * 2^(C - turn);    column c = bit C + c of it if c + turn < C, else bit c

    of which several lanes side by side in one factor leave just these bits alone. One LUT per bit
    chooses and zeroes.

    Latency: ``latency`` = ceil(log2(C) / 2) cycles, for C > 4 both ways: those of a multiplier.
    One rotation per cycle.

    Parameters
    ----------
    multipliers : int
        Multipliers to use, each for 16 / C lanes; ECP5 only, and C must be more than 4.

    Members
    -------
    turn : ``In(column_bits)``, enable : ``In(1)``
        ``LEAD`` = 1 cycle before their words.
    words : ``In(group_lanes) [columns]``
    rotated : ``Out(group_lanes) [columns]``
    """

    LEAD = 1

    def __init__(self, machine: Machine, multipliers: int = 0):
        self.machine = machine
        self.multipliers = multipliers
        self.latency = -(-machine.column_bits // 2)
        if multipliers and self.latency != LATENCY:
            raise ValueError(f"a multiplier cannot rotate {machine.columns} columns in time")
        words = data.ArrayLayout(unsigned(machine.group_lanes), machine.columns)
        super().__init__({
            "turn": In(machine.column_bits),
            "enable": In(1),
            "words": In(words),
            "rotated": Out(words),
        })  # fmt: skip

    def elaborate(self, platform):
        m = Module()
        machine = self.machine
        together = machine.group_lanes // machine.columns
        multiplied = min(self.multipliers * together, machine.group_lanes)
        lanes = self._multiplied(m, multiplied, together) if multiplied else []
        lanes += self._plain(m, range(multiplied, machine.group_lanes))
        m.d.comb += [
            self.rotated[column].eq(Cat(lane[column] for lane in lanes))
            for column in range(machine.columns)
        ]
        return m

    def _lane(self, lane: int) -> Value:
        return Cat(self.words[bank][lane] for bank in range(self.machine.columns))

    def _multiplied(self, m: Module, count: int, together: int) -> list[Value]:
        """Return the columns of each of the first ``count`` lanes."""
        columns = self.machine.columns
        power = Signal(columns + 1, reset_less=True)
        m.d.sync += power.eq(
            Cat(0, (self.turn == (columns - k) % columns for k in range(1, columns + 1)))
        )

        # From which half each column comes, when the product is there; neither if not enabled.
        turn = delayed(m, self.turn, LATENCY, "turn", reset_less=True)
        enable = delayed(m, self.enable, LATENCY, "enable", reset_less=True)
        upper = Signal(columns, reset_less=True)
        lower = Signal(columns, reset_less=True)
        for column in range(columns):
            stays = turn < columns - column
            m.d.sync += [upper[column].eq(enable & stays), lower[column].eq(enable & ~stays)]

        lanes = []
        for first in range(0, count, together):
            here = range(first, min(first + together, count))
            product = multiplier(m, f"lanes{first}", Cat(self._lane(lane) for lane in here), power)
            for index in range(len(here)):
                low = product[index * columns :][:columns]
                high = product[(index + 1) * columns :][:columns]
                lanes.append(high & upper | low & lower)
        return lanes

    def _plain(self, m: Module, lanes: range) -> list[Value]:
        """Return the columns of each of ``lanes``."""
        columns = self.machine.columns
        turn = delayed(m, self.turn, self.LEAD, "turn_plain", reset_less=True)
        enable = delayed(m, self.enable, self.LEAD, "enable_plain", reset_less=True)
        banks = [Cat(self.words[bank][lane] for lane in lanes) for bank in range(columns)]
        for stage in range(self.latency):
            last = stage == self.latency - 1
            bits = turn[2 * stage : 2 * stage + 2]
            for place, bit in enumerate(bits, 2 * stage):
                banks = [
                    Mux(bit, banks[(column + (1 << place)) % columns], banks[column])
                    for column in range(columns)
                ]
            registers = [
                Signal(len(lanes), name=f"word{stage}_{column}", reset_less=True)
                for column in range(columns)
            ]
            with m.If(enable if last else 1):
                m.d.sync += [
                    register.eq(word) for register, word in zip(registers, banks, strict=True)
                ]
            with m.Else():
                m.d.sync += [register.eq(0) for register in registers]
            banks = registers
            turn = delayed(m, turn, 1, f"turn_plain{stage}", reset_less=True)
            enable = delayed(m, enable, 1, f"enable_plain{stage}", reset_less=True)
        return [Cat(bank[index] for bank in banks) for index in range(len(lanes))]
