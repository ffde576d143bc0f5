"""Adders and comparators in the carry cells of ECP5, as many as wanted in one chain."""

from amaranth.hdl import Const, Instance, Module, Signal, Value

HIGH = Const(1, 1)
"""For inputs that a position does not use: tied high they cost no wire, low they would."""


# Truth tables of the inputs themselves, to write others with.
A, B, C, D = 0xAAAA, 0xCCCC, 0xF0F0, 0xFF00

# A position is half a CCU2C (Lattice FPGA-TN-02198, "Ripple mode"; yosys lattice/ccu2c_sim.vh):
#     P = LUT4(a, b, c, d)       G = LUT2(a, b) = LUT4 at c = d = 0
#     sum = P ^ carry_in         carry_out = carry_in if P else G
# which adds x and y when P = x ^ y and G = x.
RELAY = (A ^ B) & ~C  # c high: P = 0, G = a ^ b
ADD_PRODUCTS = A ^ B ^ C ^ D  # x = a ^ b, y = c ^ d
ADD_BITS = A ^ (C & D)  # d high: x = a, y = c
READ = 0  # P = 0, G = 0
# a >= b at the lowest bit, and at others: the greater bit decides, equal ones ask the bits below.
REACHES_LOWEST = (A | ~B) & ~C  # c high: P = 0, G = a | ~b
REACHES = ~(A ^ B) & C | A & ~C  # c high: P = (a == b), G = a


class CarryChain:
    """A chain of adders and comparators, built from its low end.

    Every adder begins with a *relay*: a position with P = 0, which shows the carry that reaches it
    as its sum and sends on another, G, in its place. So one position both takes the top bit out of
    an adder and puts a third operand into the next one: an adder of n bits costs n + 1 positions.

    The ends of the chain stay unconnected: a connected CIN or COUT costs the placer a cell each.
    """

    def __init__(self):
        self._positions = []
        self._open = None

    def _position(self, init: int, a=HIGH, b=HIGH, c=HIGH, d=HIGH) -> Value:
        total = Signal(name=f"s{len(self._positions)}")
        self._positions.append((init, (a, b, c, d), total))
        return total

    def _end_adder(self, carry: Value) -> None:
        if self._open is not None:
            self._open.append(carry)

    def adder(self, product: tuple[Value, Value], positions: list[tuple]) -> list[Value]:
        """Append an adder; return the bits of its sum (the top one joins them with what follows).

        Parameters
        ----------
        product : two bits whose XOR is added at the lowest position
        positions : for each position its truth table and inputs: (init, a, b, c, d)
        """
        self._end_adder(self._position(RELAY, *product))
        self._open = [self._position(*position) for position in positions]
        return self._open

    def at_least(self, left: Value, right: Value) -> list[Value]:
        """Append a comparator; once the chain is closed, the list has the bit ``left >= right``.

        It takes a position per bit, and shares its end with what follows.
        """
        pairs = list(zip(left, right, strict=True))
        self._end_adder(self._position(REACHES_LOWEST, *pairs[0]))
        for pair in pairs[1:]:
            self._position(REACHES, *pair)
        self._open = []
        return self._open

    def close(self, m: Module, name: str, *, wraps: bool = False) -> None:
        """Add the chain's cells to ``m``; with ``wraps`` the last adder has no top bit."""
        if not wraps:
            self._end_adder(self._position(READ))
        positions = list(self._positions)
        if len(positions) % 2:
            positions.append((READ, (HIGH,) * 4, Signal(name="unused")))
        carry = None
        for index in range(0, len(positions), 2):
            pins = {}
            for half in range(2):
                init, inputs, total = positions[index + half]
                pins |= {f"i_{pin}{half}": value for pin, value in zip("ABCD", inputs, strict=True)}
                pins[f"o_S{half}"] = total
                pins[f"p_INIT{half}"] = Const(init & 0xFFFF, 16)
                pins[f"p_INJECT1_{half}"] = "NO"
            if carry is not None:
                pins["i_CIN"] = carry
            if index + 2 < len(positions):
                carry = Signal(name=f"carry{index // 2}")
                pins["o_COUT"] = carry
            m.submodules[f"{name}_{index // 2}"] = Instance("CCU2C", **pins)
