"""Options of ``python -m quant distil``, without PyTorch."""

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from arch.command_line import integer, real
from compiler.quantize.budget.goal import Goal
from compiler.quantize.command import add_data, precision
from compiler.quantize.options import Options

LEAST_BITS, MOST_BITS = 2, 8
DEVICES = ("auto", "cpu", "cuda")


@dataclass(frozen=True, kw_only=True)
class Training:
    """``rate``: of a tensor's size, in a step. ``ema``: decay of the average, None: no average.

    ``correction``: share of the steps that QC takes, after the others. ``maps``: weight of the
    maps in the network's midst beside the heads.
    """

    steps: int = 600
    batch: int = 8
    rate: float = 5e-3
    ema: float | None = 0.98
    correction: float = 0.15
    maps: float = 1.0
    seed: int = 0

    def told(self) -> str:
        """All that decides what comes out, as text."""
        return (
            f"; distilled: steps {self.steps}, batch {self.batch}, rate {self.rate:g}, "
            f"ema {self.ema}, correction {self.correction:g}, maps {self.maps:g}, "
            f"seed {self.seed}"
        )


def bits(text: str) -> tuple[int, int]:
    """An argparse type: ``w4a4``."""
    found = precision(text)
    if isinstance(found, Goal):
        raise argparse.ArgumentTypeError(
            f"must be bits of weights and activations, such as w4a4, not {text!r}"
        )
    return found


def add_options(parser: argparse.ArgumentParser) -> None:
    """All options of ``distil``."""
    default, ends = Training(), integer(LEAST_BITS, MOST_BITS)
    parser.add_argument("model", type=Path, help="float network, as exporters write it")
    add_data(parser, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, help="ONNX file to write")
    parser.add_argument(
        "--bits", type=bits, metavar="wNaM", default=(4, 4), help="of weights and activations"
    )
    parser.add_argument(
        "--first", type=ends, default=Options.first,
        help="bits of the weights of the convolutions that see the picture",
    )  # fmt: skip
    parser.add_argument(
        "--last", type=ends, default=Options.last, help="bits of the weights of the heads"
    )
    parser.add_argument(
        "--description", type=Path, default=argparse.SUPPRESS,
        help="side-car, which is also written beside OUT.onnx (default: MODEL.json, if there)",
    )  # fmt: skip
    parser.add_argument(
        "--pictures", type=integer(1), default=256, help="how many to learn from, most"
    )
    parser.add_argument("--steps", type=integer(1), default=default.steps, help="of the training")
    parser.add_argument(
        "--batch", type=integer(1), default=default.batch, help="pictures of a step"
    )
    parser.add_argument(
        "--rate", type=real(0, 1, above=True), default=default.rate,
        help="learning rate, as a share of the size of what learns",
    )  # fmt: skip
    parser.add_argument(
        "--maps", type=real(0), default=default.maps,
        help="weight of the maps in the network's midst, beside its heads; 0: the heads alone",
    )  # fmt: skip
    parser.add_argument(
        "--device", choices=DEVICES, default=DEVICES[0],
        help="what trains: a GPU where PyTorch finds one (auto), the processor, or a GPU",
    )  # fmt: skip
    parser.add_argument("--seed", type=integer(), default=default.seed)
    parser.add_argument("--no-ema", action="store_true", help="no average of weights and steps")
    parser.add_argument("--no-correction", action="store_true", help="no quantisation correction")


def training_of(arguments: argparse.Namespace) -> Training:
    """What the command line asks for."""
    training = Training(
        steps=arguments.steps,
        batch=arguments.batch,
        rate=arguments.rate,
        maps=arguments.maps,
        seed=arguments.seed,
    )
    if arguments.no_ema:
        training = replace(training, ema=None)
    return replace(training, correction=0.0) if arguments.no_correction else training
