"""``--budget``: options, what is told, and the plot."""

import argparse
from collections import Counter
from pathlib import Path

from onnx import ModelProto

from arch.boards import Board
from arch.command_line import SHOWN, real
from arch.files import FileError, write_whole
from compiler.quantize.budget.choose import Choice, Chooser, Tried
from compiler.quantize.budget.goal import Goal, goal
from compiler.quantize.budget.plot import Mark, plot
from compiler.quantize.float_network import FloatNetwork
from compiler.quantize.options import Options
from compiler.quantize.pictures import Pictures
from compiler.report import CLOCK_MHZ
from compiler.target import add_target

CHOICES = (8, 6, 4, 3)
LEAST_BITS, MOST_BITS = 2, 8


def choices(text: str) -> tuple[int, ...]:
    """An argparse type: bits such as ``8,6,4``."""
    try:
        found = {int(part) for part in text.split(",")}
    except ValueError:
        found = set()
    if not found or not all(LEAST_BITS <= bits <= MOST_BITS for bits in found):
        raise argparse.ArgumentTypeError(
            f"must be bits from {LEAST_BITS} to {MOST_BITS}, such as 8,4,2, not {text[:SHOWN]!r}"
        )
    return tuple(sorted(found, reverse=True))


def add_budget(parser: argparse.ArgumentParser) -> None:
    """All options that a budget has."""
    parser.add_argument(
        "--budget", type=goal, metavar="30fps|2.5Mcycles|900KB", default=argparse.SUPPRESS,
        help="what a frame may cost: bits of each layer are chosen so that the program keeps to it "
        "and the heads change least; --weights and --acts are the most bits then",
    )  # fmt: skip
    parser.add_argument(
        "--choices", type=choices, default=CHOICES,
        help="with --budget: bits that a layer may have (at most those of --weights and --acts)",
    )  # fmt: skip
    parser.add_argument(
        "--clock", type=real(0, above=True), default=CLOCK_MHZ,
        help="with --budget: MHz of the array, which frames per second are told for",
    )  # fmt: skip
    parser.add_argument(
        "--plot", type=Path, default=argparse.SUPPRESS,
        help="with --budget: SVG of error against cost (default: beside OUT.onnx)",
    )  # fmt: skip
    add_target(parser)


def within(
    wanted: Goal,
    network: FloatNetwork,
    pictures: Pictures,
    options: Options,
    target: Board,
    *,
    allowed: tuple[int, ...] = CHOICES,
    clock_mhz: float = CLOCK_MHZ,
    plotted: Path | None = None,
) -> ModelProto:
    """The network with bits chosen by a budget; CapacityError where it cannot be kept to."""
    most = max(options.weights, options.activations)
    bits = sorted({options.weights, options.activations, *(b for b in allowed if b <= most)})
    chooser = Chooser(network, pictures, options, target, wanted, bits)
    limit = wanted.most(clock_mhz)
    choice = chooser.choose(limit)
    _tell(wanted, choice, clock_mhz)
    if plotted is not None:
        title = f"Budget {wanted.text} on {target.machine.name}, memory {target.memory.name}"
        unit = "megabytes of program image" if wanted.is_bytes else "millions of cycles of a frame"
        marks = [
            Mark(each.name, each.cost, each.error, each is choice.chosen) for each in choice.tried
        ]
        write_whole(plotted, plot(title, unit, choice.trade, marks, limit).encode())
        print(f"{plotted}: error of the heads against cost")
    return choice.chosen.model


def _tell(wanted: Goal, choice: Choice, clock_mhz: float) -> None:
    for each in choice.tried:
        cost = wanted.told(each.cost, clock_mhz)
        print(f"{each.name:10s} {cost:>36s}   error {each.error:.4f} of the heads' variance")
    chosen = choice.chosen
    if not choice.needed:
        print(f"budget {wanted.text}: no need to choose, {chosen.name} keeps to it")
        return
    print(f"budget {wanted.text}: {chosen.name}, {counted(chosen)}")


def counted(tried: Tried) -> str:
    """How many layers and grids have how many bits."""
    parts = []
    for what, bits in (
        ("weights", tried.widths.weights),
        ("activations", tried.widths.activations),
    ):
        counts = sorted(Counter(bits.values()).items(), reverse=True)
        parts.append(f"{what} of " + ", ".join(f"{bits} bits x{count}" for bits, count in counts))
    return "; ".join(parts)


def refuse_without(arguments: argparse.Namespace) -> None:
    """FileError where a plot is asked for that nothing is to be seen in."""
    if hasattr(arguments, "plot") and not hasattr(arguments, "budget"):
        raise FileError("--plot: shows what --budget chose; give one, such as --budget 30fps")
