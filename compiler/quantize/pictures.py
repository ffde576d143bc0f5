"""Pictures to calibrate with: the files of a folder, as the network takes them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from arch.errors import OnefourError
from host.picture import load_picture

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".npy", ".png", ".tif", ".tiff", ".webp")


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Files, and how they become an input [1, channels, height, width] of float32."""

    files: tuple[Path, ...]
    shape: tuple[int, int, int]
    colour: str = "rgb"
    fit: str = "stretch"
    scale: float = 1 / 255

    def load(self, path: Path) -> np.ndarray:
        """One picture; PictureError where the file is none."""
        channels, height, width = self.shape
        frame = load_picture(
            path, height=height, width=width, channels=channels, colour=self.colour, fit=self.fit
        )
        return frame.codes[None].astype(np.float32) * np.float32(self.scale)

    def inputs(self, most: int, told: str) -> Iterator[np.ndarray]:
        """Up to ``most`` pictures, evenly from all, one after another; ``told`` names the work."""
        count = min(most, len(self.files))
        chosen = [self.files[index * len(self.files) // count] for index in range(count)]
        for path in tqdm(chosen, desc=told, unit="picture", delay=1, leave=False):
            yield self.load(path)


def find_pictures(folder: Path) -> tuple[Path, ...]:
    """The pictures in a folder and the folders in it, in order of their names."""
    if not folder.exists():
        raise OnefourError(f"{folder}: no such folder; name one with pictures to calibrate with")
    if not folder.is_dir():
        raise OnefourError(
            f"{folder}: is not a folder; expected one with pictures ({', '.join(SUFFIXES)})"
        )
    found = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES))
    if not found:
        raise OnefourError(
            f"{folder}: has no pictures; expected about 100 of those that the network is for "
            f"({', '.join(SUFFIXES)})"
        )
    return found
