"""A compiled network as something that can be scored: the machine executing its program."""

import numpy as np
import torch
from torch import Tensor

from compiler.build_folder import Build
from golden.machine import GoldenMachine
from host.pieces import run_frame
from host.results import read_outputs
from quant.errors import TrainingError
from quant.model.detector import Task


class CompiledNetwork:
    """Pixels / 255 [n, 3, h, w] to maps, by the program image of a build on the golden machine.

    Raises :class:`TrainingError` for a build that is not of a network with this ``task``.
    """

    def __init__(self, build: Build, task: Task):
        self.build = build
        size = build.manifest.picture
        names = {output.name for output in build.manifest.outputs}
        if (size.width, size.height) != (task.width, task.height) or not names.issuperset(
            task.output_names
        ):
            raise TrainingError(
                f"{build.folder}: takes pictures of {size.width} x {size.height} and gives "
                f"{', '.join(sorted(names))}; the network takes {task.width} x {task.height} and "
                f"gives {', '.join(task.output_names)}: build its own export"
            )
        self.names = task.output_names

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        pictures = torch.round(x * 255).to(torch.uint8).numpy()
        maps = [self._run(np.ascontiguousarray(picture)) for picture in pictures]
        return tuple(torch.from_numpy(np.stack([m[name] for m in maps])) for name in self.names)

    def _run(self, codes: np.ndarray) -> dict[str, np.ndarray]:
        memory = self.build.memory(codes)
        machine, manifest = GoldenMachine(self.build.machine), self.build.manifest
        run_frame(memory, manifest, self.build.pieces, lambda at: machine.run(memory, at))
        return read_outputs(memory, manifest)
