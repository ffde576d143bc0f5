"""Write rendered pictures of shapes as a YOLO data set: the demo network's training data.

    python -m quant.data.render_dataset --out build/shapes_data

Every picture follows from the seed and its number; the splits have seeds of their own.
"""

import argparse
import multiprocessing
import signal
import sys
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from arch.command_line import Help, integer, run_command
from arch.files import check_folder
from quant.data.render import CLASSES, Picture, render

#: Pictures of each split, and what is added to the seed for it: no two share a picture.
SPLITS = {"train": (4000, 0), "val": (400, 2_000_000), "test": (1000, 1_000_000)}


def write_picture(picture: Picture, image: Path, label: Path) -> None:
    """A PNG file and its labels: label, then centre x y, width, height as shares of the picture."""
    Image.fromarray(picture.pixels).save(image)
    size = picture.pixels.shape[0]
    lines = []
    for number, (x0, y0, x1, y1) in zip(picture.labels, picture.boxes, strict=True):
        shares = np.array([(x0 + x1) / 2, (y0 + y1) / 2, x1 - x0, y1 - y0]) / size
        lines.append(" ".join([str(number), *(f"{share:.6f}" for share in shares)]))
    label.write_text("".join(f"{line}\n" for line in lines))


def _draw(seed: int, split: Path, index: int) -> None:
    name = f"{index:05}"
    folders = (split.parent.parent / kind / split.name for kind in ("images", "labels"))
    image, label = (folder / name for folder in folders)
    write_picture(render(seed, index), image.with_suffix(".png"), label.with_suffix(".txt"))


def write_dataset(out: Path, seed: int, splits: dict[str, tuple[int, int]] = SPLITS) -> Path:
    """Render all splits into ``out``, one process per core; return the path of data.yaml."""
    for split, (count, offset) in splits.items():
        for kind in ("images", "labels"):
            (out / kind / split).mkdir(parents=True, exist_ok=True)
        with multiprocessing.get_context("spawn").Pool(
            initializer=signal.signal, initargs=(signal.SIGINT, signal.SIG_IGN)
        ) as pool:  # Ctrl-C is the parent's to answer; it ends these
            drawn = pool.imap(
                partial(_draw, seed + offset, out / "images" / split), range(count), chunksize=50
            )
            list(tqdm(drawn, total=count, desc=split))
    lines = [f"{split}: images/{split}" for split in splits]
    names = ", ".join(f'"{name}"' for name in CLASSES)
    path = out / "data.yaml"
    path.write_text("\n".join(["path: .", *lines, f"names: [{names}]"]) + "\n")
    return path


def _main(argv: list[str] | None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m quant.data.render_dataset",
        description=__doc__.splitlines()[0],
        formatter_class=Help,
    )
    parser.add_argument("--out", type=Path, default=Path("build/shapes_data"))
    parser.add_argument("--seed", type=integer(), default=0)
    arguments = parser.parse_args(argv)
    check_folder(arguments.out)
    print(f"seed {arguments.seed}")
    print(write_dataset(arguments.out, arguments.seed))


def main(argv: list[str] | None = None) -> int:
    """Run the command line; 0, or 2 after one message about what is wrong."""
    return run_command(_main, argv)


if __name__ == "__main__":
    sys.exit(main())
