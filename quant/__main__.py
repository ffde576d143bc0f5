"""Training, evaluation and export on the command line.

python -m quant train --data data.yaml --recipe mpq --weights runs/float --out runs/mpq
python -m quant eval runs/mpq --split test
python -m quant export runs/mpq --out mpq.onnx
"""

import argparse
import json
import sys
from dataclasses import fields
from pathlib import Path

from arch.command_line import Help, integer, program, real, run_command
from arch.files import check_target, write_whole
from arch.packages import need
from quant.distilling.options import add_options
from quant.runs.settings import Settings

MOST_PIXELS, MOST_CLASSES, MOST_THREADS = 1 << 14, 1 << 16, 1 << 10
DEFAULTS = {field.name: field.default for field in fields(Settings)}


def _size(text: str) -> tuple[int, int]:
    try:
        width, height = (int(part) for part in text.lower().split("x"))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not WIDTHxHEIGHT") from None
    if max(width, height) > MOST_PIXELS:
        raise argparse.ArgumentTypeError(f"{text!r} has more than {MOST_PIXELS} pixels a side")
    return width, height


def _parser() -> argparse.ArgumentParser:
    style = {"formatter_class": Help}
    parser = argparse.ArgumentParser(
        prog=program("quant", "quant"), description="Makes YOLO networks small.", **style
    )
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train a network", **style)
    train.add_argument("--data", required=True, help="data.yaml of a YOLO data set")
    train.add_argument("--recipe", required=True, help="float, lsq, ema-qc, mpq, ...")
    train.add_argument("--out", type=Path, required=True, help="folder for everything")
    train.add_argument("--model", default=DEFAULTS["model"], help="network")
    train.add_argument("--bits", type=int, help="of weights and activations (default: recipe's)")
    train.add_argument("--weights", help="start from: a training's folder, .pt or .onnx")
    train.add_argument(
        "--size", type=_size, default="256x192", help="input size WIDTHxHEIGHT, multiples of 32"
    )
    train.add_argument("--fit", choices=("letterbox", "stretch"), default=DEFAULTS["fit"])
    train.add_argument("--augmentation", default=DEFAULTS["augmentation"],
                       help="none, upright, overhead, grey, fixed")  # fmt: skip
    train.add_argument("--epochs", type=int, default=DEFAULTS["epochs"])
    train.add_argument("--batch", type=int, default=DEFAULTS["batch"])
    train.add_argument("--seed", type=int, default=DEFAULTS["seed"])
    train.add_argument("--rate", type=float, default=1.0, help="times the recipe's learning rate")
    train.add_argument("--score-every", type=int, default=DEFAULTS["score_every"], help="epochs")
    for name, text in (
        ("ema", "no average of weights and scales"),
        ("correction", "no quantisation correction"),
    ):
        train.add_argument(f"--no-{name}", action="store_true", help=text)
    train.add_argument("--progressive", action="store_true", help="mpq: quantise stage by stage")
    train.add_argument("--all-binary", action="store_true", help="mpq: 1-bit neck as well")
    train.add_argument("--threads", type=int, help="of PyTorch (default: its choice)")
    train.add_argument("--checkpoint-seconds", type=real(0), default=60.0,
                       help="between checkpoints within an epoch")  # fmt: skip
    train.add_argument("--pictures", choices=("auto", "device", "host"), default="auto",
                       help="where they live: on the GPU, or in main memory "
                       "(auto: the GPU, if half of its free memory suffices)")  # fmt: skip
    train.add_argument("--resume", action="store_true", help="go on with the training in --out")
    score = commands.add_parser("eval", help="average precision of a trained network", **style)
    score.add_argument("run", type=Path, help="folder of a training")
    score.add_argument("--split", default="val", help="train, val or test")
    score.add_argument("--data", help="another data.yaml than the training's")
    score.add_argument(
        "--uncorrected", action="store_true", help="as it was before quantisation correction"
    )
    score.add_argument(
        "--build", type=Path, help="score this build's program on the golden machine"
    )
    score.add_argument("--record", type=Path, help="JSON file for the scores")
    check = commands.add_parser(
        "check", help="compare a trained network with its export, code by code", **style
    )
    check.add_argument("run", type=Path, help="folder of a training")
    check.add_argument("onnx", type=Path, help="its exported file")
    check.add_argument("--image", type=Path, required=True, help="a picture")
    cost = commands.add_parser("cost", help="size and operations of a network", **style)
    cost.add_argument("run", type=Path, nargs="?", help="folder of a training, or else:")
    cost.add_argument("--model", help="network")
    cost.add_argument("--recipe", help="float, lsq, ema-qc, mpq, ...")
    cost.add_argument("--bits", type=int, help="of weights and activations (default: recipe's)")
    cost.add_argument(
        "--classes", type=integer(1, MOST_CLASSES), default=80, help="that it tells apart"
    )
    cost.add_argument("--size", type=_size, default="640x640", help="input size WIDTHxHEIGHT")
    export = commands.add_parser("export", help="write a trained network as QONNX", **style)
    export.add_argument("run", type=Path, help="folder of a training")
    export.add_argument("--out", type=Path, required=True, help=".onnx file; .json beside it")
    export.add_argument("--record", type=Path, help="scores from eval --record, for the .json")
    table = commands.add_parser("table", help="a table of records of eval", **style)
    table.add_argument("records", type=Path, nargs="+", help="files of eval --record")
    table.add_argument("--page", type=Path, help="page to put it into (default: print it)")
    zoo = commands.add_parser("zoo", help="a table of exported networks", **style)
    zoo.add_argument("models", type=Path, nargs="+", help=".onnx files with their .json")
    zoo.add_argument("--page", type=Path, help="page to put it into (default: print it)")
    study = commands.add_parser(
        "study", help="a float ONNX network with its weights quantised in many ways", **style
    )
    study.add_argument("model", type=Path, help="float .onnx file with its .json")
    study.add_argument("--data", required=True, help="data.yaml of pictures to score on")
    study.add_argument("--split", default="val", help="train, val or test")
    study.add_argument("--description", type=Path, help="side-car (default: beside the model)")
    study.add_argument("--bits", type=int, nargs="+", default=[4], help="of weights, 2 to 8")
    study.add_argument("--record", type=Path, help="JSON file for the rows")
    study.add_argument("--page", type=Path, help="page to put the table into (default: print it)")
    distilled = commands.add_parser(
        "distil", help="a float ONNX network into few bits, trained without labels", **style
    )
    add_options(distilled)
    curves = commands.add_parser("curves", help="plot the logs of trainings", **style)
    curves.add_argument("runs", type=Path, nargs="+", help="folders of trainings")
    curves.add_argument("--out", type=Path, required=True, help=".png file")
    return parser


def _train(a: argparse.Namespace) -> None:
    import torch

    from quant.errors import TrainingError
    from quant.recipes import Options
    from quant.scoring.evaluate import score
    from quant.training.train import Training, begin, check_folder

    if a.threads is not None:
        if a.threads < 1:
            raise TrainingError(f"threads is {a.threads}; expected at least 1")
        if a.threads > MOST_THREADS:
            raise TrainingError(f"threads is {a.threads}; expected at most {MOST_THREADS}")
        torch.set_num_threads(a.threads)
    settings = Settings(
        data=str(Path(a.data).resolve()),
        recipe=a.recipe,
        model=a.model,
        bits=a.bits,
        options=Options(
            ema=not a.no_ema,
            correction=not a.no_correction,
            progressive=a.progressive,
            all_binary=a.all_binary,
        ),
        weights=a.weights and str(Path(a.weights).resolve()),
        height=a.size[1],
        width=a.size[0],
        fit=a.fit,
        augmentation=a.augmentation,
        epochs=a.epochs,
        batch=a.batch,
        seed=a.seed,
        rate=a.rate,
        score_every=a.score_every,
    )
    need("pycocotools", "tensorboard")
    check_folder(settings, a.out, resume=a.resume)
    training = Training(
        settings, a.out, checkpoint_seconds=a.checkpoint_seconds, residence=a.pictures
    )
    if training.processes.first:
        print(f"seed {settings.seed}")
        begin(settings, a.out, resume=a.resume)
    model = training.run()
    if not training.processes.first:
        return
    scores = score(model, training.loaded["val"], training.task, training.device)
    print(f"{training.recipe.name}: AP50 {scores.ap50:.4f}, AP {scores.ap:.4f} on val")


def _eval(a: argparse.Namespace) -> None:
    from quant.data.dataset import read_dataset
    from quant.data.pictures import load_pictures
    from quant.runs.run_folder import FINAL, UNCORRECTED, load_final
    from quant.scoring.evaluate import score
    from quant.tables.record import Evaluation, make_record

    if a.record:
        check_target(a.record)
    build = None
    if a.build:
        from compiler.build_folder import read_build

        build = read_build(a.build)
    model, settings = load_final(a.run, UNCORRECTED if a.uncorrected else FINAL)
    evaluation = Evaluation(
        data=Path(a.data or settings.data),
        split=a.split,
        uncorrected=a.uncorrected,
        machine=build and build.machine.name,
    )
    dataset = read_dataset(evaluation.data)
    loaded = load_pictures(
        dataset.split(evaluation.split),
        height=settings.height,
        width=settings.width,
        fit=settings.fit,
        progress=evaluation.split,
    )
    # Exact, as the machine is: in float32 a few sums land on the other side of a threshold.
    network = model.double()
    if build is not None:
        from quant.scoring.compiled import CompiledNetwork

        network = CompiledNetwork(build, model.task)
    scores = score(network, loaded, model.task)
    print(f"AP50 {scores.ap50:.4f}, AP {scores.ap:.4f} on {a.split} ({len(loaded)} pictures)")
    for name, value in scores.class_ap50.items():
        print(f"  {name:<12} AP50 {value:.4f}")
    if a.record:
        record = make_record(model, settings, scores, evaluation, pictures=len(loaded))
        write_whole(a.record, json.dumps(record, indent=1) + "\n")


def _export(a: argparse.Namespace) -> None:
    from quant.exports.export import export_run

    check_target(a.out)
    for path in export_run(a.run, a.out, a.record):
        print(path)


def _check(a: argparse.Namespace) -> None:
    import torch

    from host.picture import load_picture
    from quant.errors import TrainingError
    from quant.exports.verify import compare_export
    from quant.runs.run_folder import load_final

    model, settings = load_final(a.run)
    frame = load_picture(a.image, height=settings.height, width=settings.width, fit=settings.fit)
    rows = compare_export(model, a.onnx, torch.from_numpy(frame.codes))
    for row in rows:
        print(f"{row.name:<48} {row.total:>8} codes  {row.differing:>6} differ")
    differing = sum(row.differing for row in rows)
    print(f"{len(rows)} tensors, {sum(row.total for row in rows)} codes, {differing} differ")
    if differing:
        raise TrainingError(f"{a.onnx} does not compute what {a.run} computes")


def _cost(a: argparse.Namespace) -> None:
    from quant.errors import TrainingError
    from quant.model.models import untrained
    from quant.recipes import Options, make_recipe
    from quant.runs.run_folder import load_final
    from quant.scoring.accounting import compression, layer_costs

    if bool(a.run) == bool(a.model and a.recipe):
        raise TrainingError("cost: give either the folder of a training, or --model and --recipe")
    if a.run:
        model, _ = load_final(a.run)
    else:
        policy = make_recipe(a.recipe, a.bits, Options()).policy
        model = untrained(a.model, a.classes, height=a.size[1], width=a.size[0], policy=policy)
    costs = layer_costs(model)
    for c in costs:
        print(f"{c.name:<24} {c.weights:>8} weights {c.macs:>10} MACs "
              f"W{c.weight_bits}A{c.activation_bits} {c.bops:>12} BOPs")  # fmt: skip
    t = compression(costs)
    print(f"{t.parameters} weights, {t.bytes:.0f} bytes ({t.size:.1f}x smaller than float), "
          f"{t.bops / 1e9:.2f} GBOPs ({t.bit_operations:.1f}x fewer; {t.operations:.1f}x fewer "
          f"operations, 1 bit counting 1/64 and 4 bits 1/8)")  # fmt: skip


def _show(text: str, page: Path | None, name: str) -> None:
    """Print a table, or put it into its place on a page."""
    from quant.tables.page import write_page

    if page is None:
        print(text)
    else:
        write_page(page, name, text)


def _table(a: argparse.Namespace) -> None:
    from quant.tables.record import read_records, table

    _show(table(read_records(a.records)), a.page, "scores")


def _zoo(a: argparse.Namespace) -> None:
    from quant.tables.zoo import zoo

    folder = a.page.parent if a.page else Path()
    _show(zoo(a.models, folder), a.page, "zoo")


def _study(a: argparse.Namespace) -> None:
    from quant.post_training.study import read_study, table, write_study

    if a.record:
        check_target(a.record)
    rows = read_study(
        a.model, Path(a.data), split=a.split, bits=tuple(a.bits), description=a.description
    )
    if a.record:
        data = f"{Path(a.data).resolve().parent.name} {a.split}"
        bits = " ".join(str(width) for width in a.bits)
        command = f"python -m quant study {a.model.name} --data data.yaml --split {a.split}"
        described = f" --description {a.description.name}" if a.description else ""
        write_study(a.record, rows, a.model.stem, data, f"{command} --bits {bits}{described}")
    _show(table(rows), a.page, "study")


def _distil(a: argparse.Namespace) -> None:
    from quant.distilling.command import run

    run(a)


def _curves(a: argparse.Namespace) -> None:
    from quant.tables.curves import plot

    check_target(a.out)
    plot(a.runs, a.out)
    print(a.out)


COMMANDS = {
    "train": _train,
    "eval": _eval,
    "check": _check,
    "cost": _cost,
    "export": _export,
    "table": _table,
    "zoo": _zoo,
    "study": _study,
    "distil": _distil,
    "curves": _curves,
}


def _main(argv: list[str] | None) -> None:
    arguments = _parser().parse_args(argv)
    COMMANDS[arguments.command](arguments)


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one message about what is wrong."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
