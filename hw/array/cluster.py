"""A square of processing elements with registers around it."""

from amaranth.hdl import Cat, Const, Module, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.carry_element import CarryElement
from hw.array.carry_tree import UNCOUNTED, lateness
from hw.array.distinct_register import distinct_register
from hw.array.drain import Drain
from hw.array.pass_layouts import pass_control, replicate_ones


class Cluster(wiring.Component):
    """``cluster`` x ``cluster`` elements that share operand registers and delays.

    Operands, control and results pass from cluster to cluster through one register each, so no wire
    is longer than a cluster: activations and control downwards, weights and results to the right
    (control also to the right, in the first row of clusters).

    After a capture every row's results leave to the right, the elements' own after those of
    ``wait`` other columns, first column first; at any other time what comes from the left passes. A
    column's turn is as long as :class:`hw.array.drain.Drain` says. Of signs the columns of a
    transfer have their turn together: each has a bit of what moves right.

    Nothing in it is reset: what is under way at a reset comes out, and it is up to the grid to say
    that it means nothing.

    Latency: from the ports one cycle to ``*_on``, and to ``results_on`` ``latency`` = 8 cycles and
    ``wait`` turns for a block's first column. ``results`` pass in 1 cycle. Throughput: one pass
    per cycle.

    Parameters
    ----------
    wait : int
        Results that leave before this cluster's: the columns to the right of it.
    ones : bool
        Whether there is a ones row below the others.
    fabric : "ecp5" or "gowin"

    Members
    -------
    control, control_on : In(pass_control), Out(pass_control)
    activations, activations_on : In, Out(lanes) [cluster]
    weights, weights_on : In, Out(lanes) [cluster]
    ones, ones_on : In, Out(lane_groups), with a ones row
    results, results_on : In, Out(accumulator_bits) [rows, the ones row last]
    """

    latency = 1 + CarryElement.latency + 1

    def __init__(self, machine: Machine, *, wait: int, ones: bool, fabric: str = "ecp5"):
        self.machine = machine
        self.fabric = fabric
        self.wait = wait
        self.has_ones = ones
        self.rows = machine.cluster + ones
        operands = data.ArrayLayout(unsigned(machine.lanes), machine.cluster)
        results = data.ArrayLayout(unsigned(machine.accumulator_bits), self.rows)
        members = {"control": pass_control(machine), "activations": operands,
                   "weights": operands, "results": results}  # fmt: skip
        if ones:
            members["ones"] = machine.lane_groups
        super().__init__(
            {name: In(shape) for name, shape in members.items()}
            | {f"{name}_on": Out(shape) for name, shape in members.items()}
        )

    def elaborate(self, platform):
        m = Module()
        machine, size = self.machine, self.machine.cluster

        # What arrives is registered; the next clusters take it from these registers. Elements see
        # each lane when their adders are due for it. All that follows from a cluster's control is
        # its own because the arriving one is: clusters (i, j) of equal i + j hold the same.
        arrived = distinct_register(m, self.control.as_value(), "control", self.fabric)
        shape = pass_control(machine)
        control = [shape(arrived)]
        for age in range(1, 5):
            control.append(Signal(shape, name=f"control{age}", reset_less=True))
            m.d.sync += control[age].eq(control[age - 1])
        m.d.comb += self.control_on.eq(control[0])

        def arriving(value, name):
            register = Signal(len(value), name=name, reset_less=True, attrs={"keep": 1})
            m.d.sync += register.eq(value)
            return register

        def staggered(word, name):
            lanes = []
            for lane in range(machine.lanes):
                bit = word[lane]
                for age in range(lateness(lane)):
                    later = Signal(name=f"{name}_{lane}_late{age + 1}", reset_less=True)
                    m.d.sync += later.eq(bit)
                    bit = later
                lanes.append(bit)
            return Cat(lanes)

        columns, rows = [], []
        for index in range(size):
            word = arriving(self.activations[index], f"activations{index}")
            m.d.comb += self.activations_on[index].eq(word)
            columns.append(staggered(word, f"activations{index}"))
            word = arriving(self.weights[index], f"weights{index}")
            m.d.comb += self.weights_on[index].eq(word)
            rows.append(staggered(word, f"weights{index}"))
        if self.has_ones:
            ones = arriving(self.ones, "ones")
            m.d.comb += self.ones_on.eq(ones)
            history = [ones]
            for age in range(1, 1 + lateness(UNCOUNTED)):
                history.append(Signal.like(ones, name=f"ones_late{age}", attrs={}))
                m.d.sync += history[age].eq(history[age - 1])
            words = [replicate_ones(machine, value) for value in history]
            rows.append(Cat(words[lateness(lane)][lane] for lane in range(machine.lanes)))

        # The elements. Their accumulators are cleared a cycle ahead of everything else.
        element_control = Cat(
            control[4].valid,
            control[3].valid & control[3].clear,
            control[4].double,
            control[4].valid & control[4].capture,
            *([control[4].less] if machine.signs else []),
        )
        results = [[] for _ in rows]
        for row, weights in enumerate(rows):
            for column, activations in enumerate(columns):
                element = CarryElement(machine, self.fabric)
                m.submodules[f"element_{row}_{column}"] = element
                m.d.comb += [
                    element.control.eq(element_control),
                    element.activations.eq(activations),
                    element.weights.eq(weights),
                ]
                results[row].append(element.result)

        # While it is the turn of column `wait` + c, column c leaves.
        m.submodules.drain = drain = Drain(machine, reset_less=True)
        m.d.comb += [
            drain.capture.eq(control[4].valid & control[4].capture),
            drain.pieces.eq(control[4].pieces),
        ]
        signing = None
        if machine.signs:
            m.d.comb += drain.signs.eq(control[4].signs)
            signing = drain.signing
        for row in range(len(rows)):
            leaves = Cat(
                drain.running & (drain.column == self.wait + column) for column in range(size)
            )
            if signing is not None:
                leaves &= (~signing).replicate(size)
            leaving = self._registered(m, leaves, f"leaving{row}")
            # Outside its turn a cluster adds nothing to what passes: a multiplexer of ORs.
            word = self.results[row]
            for column in range(size):
                own = leaving[column].replicate(machine.accumulator_bits)
                word = word | (results[row][column] & own)
            if signing is not None and row < machine.cluster:
                word = word | self._signs(m, results[row], drain, row)
            result = Signal(machine.accumulator_bits, name=f"result{row}", reset_less=True)
            m.d.sync += result.eq(word)
            m.d.comb += self.results_on[row].eq(result)
        return m

    def _registered(self, m: Module, value: Value, name: str) -> Signal:
        """``value`` a cycle later. In one of several large clusters it is the row's own register:
        synthesis would lead one for all rows, which hold the same, across the device."""
        machine = self.machine
        if machine.cluster > 4 and machine.columns > machine.cluster:
            return distinct_register(m, value, name, self.fabric)
        register = Signal(len(value), name=name, reset_less=True, attrs={"keep": 1})
        m.d.sync += register.eq(value)
        return register

    def _signs(self, m: Module, results: list[Value], drain: Drain, row: int) -> Value:
        """The signs of a row's results, each at its column's place, when it is their turn."""
        slots = self.machine.slots
        bits = [Const(0)] * slots
        turns = sorted({(self.wait + column) // slots for column in range(len(results))})
        for turn in turns:
            begins = drain.signing & (drain.column == turn)
            now = self._registered(m, begins, f"signing{row}_{turn}")
            for column, result in enumerate(results):
                here, place = divmod(self.wait + column, slots)
                if here == turn:
                    bits[place] = bits[place] | (result[-1] & now)
        return Cat(bits)
