"""Train the demo network on rendered shapes, export it as QONNX and measure the exported file.

    python -m quant.train_shapes --out examples/shapes --seed 0 --steps 10000 --minutes 25

writes ``shapes.onnx``, ``shapes.json`` (the figures measured on the exported file) and a few unseen
pictures with their labels in YOLO text form (label, then centre x y, width, height over the
picture's size). The seed decides pictures and training; where the minutes run out before the steps,
the machine's speed decides as well.
"""

import argparse
import json
import math
import platform
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from quant.detection import average_precision, detect
from quant.detection_loss import detection_loss
from quant.export_qonnx import export
from quant.plain_onnx import PlainRunner
from quant.render import CLASSES, Picture
from quant.shapes_data import as_input, batches, render_set
from quant.shapes_model import ANCHORS, INPUT_SIZE, OUTPUTS, STRIDES, ShapesNet

TRAINING_PICTURES = 8000
UNSEEN_PICTURES = 1000
BATCH = 16
LEARNING_RATE = 3e-3
WARMUP_STEPS = 200
UNSEEN = 1_000_000  # added to the seed: no unseen picture shares a seed with a training picture
SAMPLES, SAMPLE_SHAPES = 3, 4  # sample pictures: the first unseen ones with four shapes or more


def learning_rate(step: int, progress: float) -> float:
    """Linear warm-up in steps, then half a cosine down to 0 at progress 1."""
    warmth = min(1, (step + 1) / WARMUP_STEPS)
    return LEARNING_RATE * warmth * (1 + math.cos(math.pi * progress)) / 2


def train(
    model: ShapesNet, pictures: list[Picture], *, seed: int, steps: int, minutes: float
) -> int:
    """Train for ``steps`` or ``minutes``, whichever ends first; the number of steps taken.

    The learning rate follows the one that ends first, so it always reaches 0.
    """
    optimiser = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE)
    data = batches(pictures, BATCH, seed)
    start, step, progress = time.monotonic(), 0, 0.0
    model.train()
    style = "{l_bar}{bar}| {elapsed}<{remaining}{postfix}"
    with tqdm(total=100, desc="train", bar_format=style) as bar:
        while progress < 1:
            rate = learning_rate(step, progress)
            for group in optimiser.param_groups:
                group["lr"] = rate
            x, targets = next(data)
            loss, shares = detection_loss(model(x), targets, STRIDES, ANCHORS)
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimiser.step()
            step += 1
            progress = max(step / steps, (time.monotonic() - start) / (60 * minutes))
            if step % 50 == 0:
                box, obj, cls = shares.tolist()
                bar.set_postfix_str(f"step {step} box {box:.4f} obj {obj:.4f} class {cls:.4f}")
                bar.update(round(100 * min(progress, 1), 2) - bar.n)
    return step


def settle_norms(model: ShapesNet, pictures: list[Picture], steps: int = 100) -> None:
    """Re-estimate BatchNorm statistics with the final weights, on unaugmented pictures.

    The running averages lag behind weights that flip, and a sign has no tolerance for a
    displaced threshold.
    """
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    model.eval()
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # cumulative average
        norm.train()
    with torch.no_grad():
        for at in range(steps):
            chosen = pictures[at * BATCH % len(pictures) :][:BATCH]
            model(as_input(chosen))
    for norm in norms:
        norm.momentum = 0.1
    model.eval()


def run_model(model: ShapesNet, pictures: list[Picture]) -> list[list[np.ndarray]]:
    """The detection maps of each picture from the PyTorch model."""
    maps = []
    with torch.no_grad():
        for at in range(0, len(pictures), BATCH):
            outputs = [o.numpy() for o in model(as_input(pictures[at : at + BATCH]))]
            maps.extend(list(m) for m in zip(*outputs, strict=True))
    return maps


def run_exported(path: Path, pictures: list[Picture]) -> list[list[np.ndarray]]:
    """The detection maps of each picture from the exported file."""
    runner = PlainRunner(path)
    return [[m[0] for m in runner(p.pixels)] for p in tqdm(pictures, desc="run exported")]


def score(maps: list[list[np.ndarray]], pictures: list[Picture]) -> tuple[float, list[float]]:
    """AP50, and that of each class."""
    found = [detect(m, STRIDES, ANCHORS) for m in maps]
    return average_precision(found, [(p.boxes, p.labels) for p in pictures], len(CLASSES))


def disagreement(a: list[list[np.ndarray]], b: list[list[np.ndarray]]) -> float:
    """Share of logits further than 1e-3 apart.

    Not zero: two correct float32 evaluations of a convolution differ in the last bit, and a value
    that lies within that bit of a quantiser's threshold takes the neighbouring code.
    """
    flat = [np.concatenate([m.ravel() for maps in side for m in maps]) for side in (a, b)]
    return float(np.mean(np.abs(flat[0] - flat[1]) > 1e-3))


def write_sample(out: Path, index: int, picture: Picture) -> None:
    Image.fromarray(picture.pixels).save(out / f"picture{index}.png", optimize=True)
    size = picture.pixels.shape[0]
    lines = []
    for label, (x0, y0, x1, y1) in zip(picture.labels, picture.boxes, strict=True):
        numbers = np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]) / size
        lines.append(" ".join([str(label), *(f"{n:.6f}" for n in numbers)]))
    (out / f"picture{index}.txt").write_text("\n".join(lines) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("examples/shapes"), help="folder to fill")
    parser.add_argument("--seed", type=int, default=0, help="of the pictures and the training")
    parser.add_argument("--steps", type=int, default=10000, help=f"of {BATCH} pictures each")
    parser.add_argument("--minutes", type=float, default=25.0, help="longest training time")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch")
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    torch.manual_seed(arguments.seed)
    torch.set_num_threads(arguments.threads)
    arguments.out.mkdir(parents=True, exist_ok=True)

    pictures = render_set(arguments.seed, TRAINING_PICTURES)
    unseen = render_set(arguments.seed + UNSEEN, UNSEEN_PICTURES)
    model = ShapesNet().to(memory_format=torch.channels_last)
    start = time.monotonic()
    steps = train(
        model,
        pictures,
        seed=arguments.seed,
        steps=arguments.steps,
        minutes=arguments.minutes,
    )
    settle_norms(model, pictures)
    minutes = (time.monotonic() - start) / 60

    path = arguments.out / "shapes.onnx"
    export(model, path, (1, 3, INPUT_SIZE, INPUT_SIZE), OUTPUTS)
    maps, exported_maps = run_model(model, unseen), run_exported(path, unseen)
    ap50_torch, _ = score(maps, unseen)
    ap50, each = score(exported_maps, unseen)
    apart = disagreement(maps, exported_maps)
    print(f"steps {steps}, AP50 exported {ap50:.4f}, PyTorch {ap50_torch:.4f}, apart {apart:.2e}")
    if apart > 1e-3 or abs(ap50 - ap50_torch) > 5e-3:
        raise RuntimeError(f"{path} does not compute what the model computes: {apart:.2%} differ")

    samples = [i for i, p in enumerate(unseen) if len(p.labels) >= SAMPLE_SHAPES][:SAMPLES]
    record = {
        "name": "shapes",
        "classes": list(CLASSES),
        "input": {"height": INPUT_SIZE, "width": INPUT_SIZE, "channels": "RGB", "scale": "1/255"},
        "outputs": list(OUTPUTS),
        "strides": list(STRIDES),
        "anchors": [[list(a) for a in scale] for scale in ANCHORS],
        "decode": "xy = (2 s - 0.5 + cell) * stride, wh = (2 s)^2 * anchor, score = obj * class",
        "bits": {"stem": "w4 a8", "backbone": "w1 a1", "neck and head": "w4 a4"},
        "parameters": sum(p.numel() for p in model.parameters()),
        "ap50": round(ap50, 4),
        "ap50_per_class": {c: round(v, 4) for c, v in zip(CLASSES, each, strict=True)},
        "ap50_torch": round(ap50_torch, 4),
        "logits_apart": apart,
        "evaluation": {
            "pictures": UNSEEN_PICTURES,
            "seed": arguments.seed + UNSEEN,
            "score_floor": 0.01,
            "nms_iou": 0.5,
            "samples": samples,
        },
        "training": {
            "seed": arguments.seed,
            "pictures": TRAINING_PICTURES,
            "minutes": round(minutes, 1),
            "steps": steps,
            "batch": BATCH,
            "threads": arguments.threads,
        },
        "versions": {
            "python": platform.python_version(),
            **{p: version(p) for p in ("torch", "brevitas", "onnx", "onnxruntime", "numpy")},
        },
    }
    (arguments.out / "shapes.json").write_text(json.dumps(record, indent=2) + "\n")
    for index, number in enumerate(samples):
        write_sample(arguments.out, index, unseen[number])


if __name__ == "__main__":
    main()
