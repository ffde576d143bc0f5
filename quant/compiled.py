"""A compiled network as something that can be scored: the machine executing its program."""

import numpy as np
import torch
from torch import Tensor

from compiler.flow import Build
from compiler.host import read_outputs, write_picture
from golden.machine import GoldenMachine


class CompiledNetwork:
    """Pixels / 255 [n, 3, h, w] to maps, by the program image of a build on the golden machine."""

    def __init__(self, build: Build):
        self.build = build

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        pictures = torch.round(x * 255).to(torch.uint8).numpy()
        maps = [self._run(np.ascontiguousarray(picture)) for picture in pictures]
        names = [output["name"] for output in self.build.manifest["outputs"]]
        return tuple(torch.from_numpy(np.stack([m[name] for m in maps])) for name in names)

    def _run(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        image = self.build.image
        memory = image.memory()
        write_picture(memory, self.build.manifest, codes)
        GoldenMachine(self.build.machine).run(memory, image.program_address)
        return read_outputs(memory, self.build.manifest)
