"""``python -m compiler quantize MODEL.onnx --data DIR -o OUT.onnx``: options, messages, files."""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from onnx import ModelProto

from arch.command_line import integer, program, real
from arch.files import FileError, check_target, write_whole
from compiler.quantize.budget.command import add_budget, refuse_without, within
from compiler.quantize.budget.goal import Goal, goal
from compiler.quantize.float_network import FloatNetwork, read_float_network
from compiler.quantize.observe import values
from compiler.quantize.options import Options
from compiler.quantize.pictures import Pictures, find_pictures
from compiler.quantize.points import layers
from compiler.quantize.quantise import quantise
from compiler.quantize.ranges import METHODS
from compiler.quantize.rounding import ROUNDINGS, STEPS
from compiler.tail import class_names
from compiler.target import target_of
from host.description import FITS, Description, read_description, side_car

LEAST_BITS, MOST_BITS = 2, 8
FEW_PICTURES = 16
"""Fewer do not show what activations can be."""
JUDGED = 8
"""Pictures on which the result is compared with the float network."""


def add_data(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """Options that a quantisation takes wherever it stands."""
    parser.add_argument(
        "--data", type=Path, required=required, default=argparse.SUPPRESS,
        help="folder of pictures to calibrate with, about 100 of those that the network is for",
    )  # fmt: skip
    parser.add_argument(
        "--fit", choices=FITS, default=argparse.SUPPRESS,
        help="how they are fitted to the input (default: as the side-car says; letterbox where the "
        "file names its classes; or stretch)",
    )  # fmt: skip
    parser.add_argument(
        "--threads", type=integer(1), default=1, help="of onnxruntime while it looks at them"
    )


def add_options(parser: argparse.ArgumentParser) -> None:
    """All options of ``quantize``."""
    default, bits = Options(), integer(LEAST_BITS, MOST_BITS)
    parser.add_argument("model", type=Path, help="float network, as exporters write it")
    add_data(parser, required=True)
    parser.add_argument("-o", "--output", type=Path, required=True, help="ONNX file to write")
    parser.add_argument("--weights", type=bits, default=default.weights, help="bits of weights")
    parser.add_argument(
        "--acts", type=bits, default=default.activations, help="bits of activations"
    )
    parser.add_argument(
        "--first", type=bits, default=default.first,
        help="bits of the weights of the convolutions that see the picture",
    )  # fmt: skip
    parser.add_argument(
        "--last", type=bits, default=default.last, help="bits of the weights of the heads"
    )
    parser.add_argument(
        "--ranges", choices=METHODS, default=default.ranges, help="of activations: how found"
    )
    parser.add_argument(
        "--steps", choices=STEPS, default=default.steps, help="of weights: how found"
    )
    parser.add_argument(
        "--rounding", choices=ROUNDINGS, default=default.rounding, help="of weights"
    )
    parser.add_argument("--no-equalise", action="store_true", help="leave channels unequal")
    parser.add_argument("--no-correct", action="store_true", help="leave biases as they are")
    parser.add_argument(
        "--pictures", type=integer(1), default=default.pictures, help="how many to look at, most"
    )
    parser.add_argument(
        "--description", type=Path, default=argparse.SUPPRESS,
        help="side-car, which is also written beside OUT.onnx (default: MODEL.json, if there)",
    )  # fmt: skip
    parser.add_argument(
        "--input-scale", type=real(0, above=True), default=argparse.SUPPRESS,
        help="what one step of a picture byte means (default: as the side-car says, or 1/255)",
    )  # fmt: skip
    add_budget(parser)


def options_of(arguments: argparse.Namespace) -> Options:
    """What the command line asks for."""
    return Options(
        weights=arguments.weights,
        activations=arguments.acts,
        first=arguments.first,
        last=arguments.last,
        ranges=arguments.ranges,
        steps=arguments.steps,
        rounding=arguments.rounding,
        equalise=not arguments.no_equalise,
        correct=not arguments.no_correct,
        pictures=arguments.pictures,
        threads=arguments.threads,
    )


def precision(text: str) -> tuple[int, int] | Goal:
    """An argparse type: ``w8a8`` as bits of weights and activations, or a budget."""
    found = re.fullmatch(r"w([2-8])a([2-8])", text.lower())
    if found is None:
        with suppress(argparse.ArgumentTypeError):
            return goal(text)
        raise argparse.ArgumentTypeError(
            "must be bits of weights and activations, 2 to 8, such as w8a8 or w4a4, or a budget "
            f"such as 30fps, 2.5Mcycles or 900KB, not {text!r}"
        )
    return int(found[1]), int(found[2])


def described(model: Path, arguments: argparse.Namespace) -> tuple[Path | None, Description | None]:
    """The side-car and what it says; None where there is none."""
    named: Path | None = getattr(arguments, "description", None)
    path = named or side_car(model)
    if named is None and not path.exists():
        return None, None
    return path, read_description(path)


def pictures_of(
    network: FloatNetwork, described: Description | None, arguments: argparse.Namespace
) -> Pictures:
    """The pictures that the command line names, for a network."""
    files = find_pictures(arguments.data)
    if len(files) < FEW_PICTURES:
        print(
            f"{arguments.data}: {len(files)} pictures; about 100 show better what activations "
            "can be",
            file=sys.stderr,
        )
    told = {}
    if described is not None:
        told = {"colour": described.colour, "fit": described.fit, "scale": described.scale}
    elif class_names(network.model):  # as their boxes are brought back to the picture
        told = {"fit": "letterbox"}
    if hasattr(arguments, "fit"):
        told["fit"] = arguments.fit
    if hasattr(arguments, "input_scale"):
        told["scale"] = arguments.input_scale
    return Pictures(files=files, shape=network.shape, **told)


def noise(
    network: FloatNetwork, model: ModelProto, pictures: Pictures, threads: int
) -> dict[str, float]:
    """Of each output the energy over that of its error, in dB, on a few pictures."""
    inputs = [*pictures.inputs(JUDGED, "comparing")]
    pairs = zip(
        values(network.model, network.outputs, inputs, threads),
        values(model, network.outputs, inputs, threads),
        strict=True,
    )
    energy, error = dict.fromkeys(network.outputs, 0.0), dict.fromkeys(network.outputs, 0.0)
    for exact, rounded in pairs:
        for name in network.outputs:
            value = exact[name].astype(np.float64)
            energy[name] += float((value**2).sum())
            error[name] += float(((value - rounded[name]) ** 2).sum())
    return {
        name: 10 * float(np.log10(max(energy[name], 1e-30) / max(error[name], 1e-30)))
        for name in network.outputs
    }


def report(network: FloatNetwork, model: ModelProto, pictures: Pictures, options: Options) -> None:
    """Print what was made, and how near it is to the float network."""
    for name, decibels in noise(network, model, pictures, options.threads).items():
        print(f"{name}: {decibels:.1f} dB above its error")
    looked = min(options.pictures, len(pictures.files))
    print(
        f"{len(layers(network))} convolutions, weights of {options.weights} bits "
        f"(first {options.first}, last {options.last}), activations of {options.activations}; "
        f"{looked} pictures looked at"
    )


@contextmanager
def quantised(arguments: argparse.Namespace, model: Path) -> Iterator[Path]:
    """What ``build`` starts from: ``model`` itself, or with --quantize the file in so many bits."""
    if not hasattr(arguments, "quantize"):
        if hasattr(arguments, "data"):
            raise FileError("--data: pictures are looked at with --quantize only, such as w8a8")
        yield model
        return
    if not hasattr(arguments, "data"):
        raise FileError("--quantize needs pictures to look at: name their folder with --data")
    network = read_float_network(model)
    _, told = described(arguments.model, arguments)
    pictures = pictures_of(network, told, arguments)
    wanted: tuple[int, int] | Goal = arguments.quantize
    if isinstance(wanted, Goal):
        options = Options(threads=arguments.threads)
        made = within(wanted, network, pictures, options, target_of(arguments))
    else:
        options = Options(weights=wanted[0], activations=wanted[1], threads=arguments.threads)
        made = quantise(network, pictures, options)
        report(network, made, pictures, options)
    with TemporaryDirectory(prefix="onefour-") as folder:
        path = Path(folder) / arguments.model.name
        path.write_bytes(made.SerializeToString())
        yield path


def run(arguments: argparse.Namespace, sized: Path) -> None:
    """Quantise ``sized``, which is the model or stands for it, and write the result."""
    started = time.monotonic()
    target: Path = arguments.output
    if target.suffix != ".onnx":
        raise FileError(f"{target}: the result is an ONNX file; give it a name in .onnx")
    if target.exists() and arguments.model.exists() and target.samefile(arguments.model):
        raise FileError(f"{target}: is the float network itself; name another file with -o")
    check_target(target)
    refuse_without(arguments)
    options = options_of(arguments)
    network = read_float_network(sized)
    beside, told = described(arguments.model, arguments)
    pictures = pictures_of(network, told, arguments)
    if hasattr(arguments, "budget"):
        plotted = getattr(arguments, "plot", target.with_suffix(".svg"))
        check_target(plotted)
        model = within(
            arguments.budget,
            network,
            pictures,
            options,
            target_of(arguments),
            allowed=arguments.choices,
            clock_mhz=arguments.clock,
            plotted=plotted,
        )
    else:
        model = quantise(network, pictures, options)
        report(network, model, pictures, options)
    write_whole(target, model.SerializeToString())
    if beside is not None and beside.resolve() != side_car(target).resolve():
        write_whole(side_car(target), beside.read_bytes())
    step = program("build", "compiler build")
    print(f"{target}: {time.monotonic() - started:.0f} s; next: {step} {target}")
