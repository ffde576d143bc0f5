"""The array on FPGAs: clusters of elements with registers between them."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from arch.machine import Machine
from hw.array.cluster import Cluster
from hw.array.drain import Drain
from hw.array.pass_layouts import controls, pass_layout, sums_layout
from hw.fabric import checked_fabric


class ClusterGrid(wiring.Component):
    """Function and timing of :class:`hw.array.plain_grid.PlainGrid`; see
    :class:`hw.array.array.Array`.

    Everything moves as a wavefront: cluster (i, j) works i + j cycles after cluster (0, 0). The
    operands are delayed at the edges to enter that way, and the results delayed to leave together.
    Position 0 is in the rightmost cluster, so that results, moving right, find it captured already.

    The ones row belongs to the last row of clusters, whose results need no delay.

    Parameters
    ----------
    fabric : "ecp5" or "gowin"
        What its elements are made of.

    Members
    -------
    passes : In(pass_layout(machine))
    sums : Out(sums_layout(machine))
    """

    def __init__(self, machine: Machine, fabric: str = "ecp5"):
        self.machine = machine
        self.fabric = checked_fabric(fabric)
        super().__init__({"passes": In(pass_layout(machine)), "sums": Out(sums_layout(machine))})

    @staticmethod
    def latency_of(machine: Machine) -> int:
        """Cycles from a capture at ``passes`` to its column 0 in ``sums``."""
        down = machine.rows // machine.cluster - 1
        right = machine.columns // machine.cluster - 1
        return Cluster.latency + down + right

    def elaborate(self, platform):
        m = Module()
        machine, size, passes = self.machine, self.machine.cluster, self.passes
        last_row, last_column = machine.rows // size - 1, machine.columns // size - 1

        def delayed(value, cycles, name):
            for cycle in range(cycles):
                later = Signal(
                    len(value), name=f"{name}_late{cycle + 1}", reset_less=True, attrs={"keep": 1}
                )
                m.d.sync += later.eq(value)
                value = later
            return value

        clusters = {}
        for i in range(last_row + 1):
            for j in range(last_column + 1):
                cluster = Cluster(
                    machine, wait=size * (last_column - j), ones=i == last_row, fabric=self.fabric
                )
                m.submodules[f"cluster_{i}_{j}"] = clusters[i, j] = cluster
                above, left = clusters.get((i - 1, j)), clusters.get((i, j - 1))

                if above or left:
                    m.d.comb += cluster.control.eq((above or left).control_on)
                else:
                    m.d.comb += [
                        cluster.control[name].eq(passes[name]) for name in controls(machine)
                    ]
                for index in range(size):
                    column = size * (last_column - j) + index
                    activations = (
                        above.activations_on[index]
                        if above
                        else delayed(passes.activations[column], j, f"activations{column}")
                    )
                    row = size * i + index
                    weights = (
                        left.weights_on[index]
                        if left
                        else delayed(passes.weights[row], i, f"weights{row}")
                    )
                    m.d.comb += [
                        cluster.activations[index].eq(activations),
                        cluster.weights[index].eq(weights),
                    ]
                if cluster.has_ones:
                    ones = left.ones_on if left else delayed(passes.ones, i, "ones")
                    m.d.comb += cluster.ones.eq(ones)
                if left:
                    m.d.comb += cluster.results.eq(left.results_on)

        for i in range(last_row + 1):
            results = clusters[i, last_column].results_on
            for index in range(size):
                row = size * i + index
                result = delayed(results[index], last_row - i, f"result{row}")
                m.d.comb += self.sums.sums[row].eq(result)
        m.d.comb += self.sums.ones_sum.eq(clusters[last_row, last_column].results_on[size])

        # When results leave, counted beside the clusters, which are not reset.
        leaves = Cat(passes.valid & passes.capture, passes.pieces)
        if machine.signs:
            leaves = Cat(leaves, passes.signs)
        for stage in range(self.latency_of(machine) - 1):
            later = Signal(len(leaves), name=f"leaves{stage}")
            m.d.sync += later.eq(leaves)
            leaves = later
        m.submodules.drain = drain = Drain(machine)
        m.d.sync += self.sums.first.eq(leaves[0])
        m.d.comb += [
            drain.capture.eq(leaves[0]),
            drain.pieces.eq(leaves[1:][: len(drain.pieces)]),
            *([drain.signs.eq(leaves[-1])] if machine.signs else []),
            self.sums.valid.eq(drain.running),
        ]
        return m
