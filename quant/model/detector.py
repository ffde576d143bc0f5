"""What every detector here is: layers, anchors, and the detection maps that leave it."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from golden.network import Output
from host.description import Head
from host.detection import real_outputs
from quant.model.features import Feature, Moved, Taps
from quant.model.layers import DetectionConv, QuantisedConvolution
from quant.model.policy import Policy

#: Pixels per cell of the maps of most detectors here.
STRIDES = (8, 16, 32)
#: Decides the share of cells that hold an object at the start (Lin et al., focal loss, 2017, 4.1).
OBJECTS_PER_PICTURE = 8


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is to be detected: classes, input size in pixels, anchors.

    ``anchors[i]`` are the (width, height) pairs in pixels of the map with stride ``strides[i]``.
    """

    names: tuple[str, ...]
    height: int
    width: int
    anchors: tuple[tuple[tuple[float, float], ...], ...]
    strides: tuple[int, ...] = STRIDES

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the detection maps: detect8, detect16, ..."""
        return tuple(f"detect{stride}" for stride in self.strides)

    @property
    def head(self) -> Head:
        """The same as the decoder of boxes wants it."""
        return Head(
            kind="yolov5",
            classes=self.names,
            strides=self.strides,
            anchors=tuple(np.asarray(scale, float) for scale in self.anchors),
            outputs=self.output_names,
        )

    def outputs(self) -> tuple[Output, ...]:
        """Descriptions of the detection maps as real numbers."""
        return real_outputs(self.output_names, self.head)


class Detect(nn.Module):
    """One 1x1 convolution for each scale."""

    def __init__(self, channels: tuple[int, ...], map_channels: int, *, policy: Policy, name: str):
        super().__init__()
        self.m = nn.ModuleList(
            DetectionConv(count, map_channels, policy=policy, name=f"{name}.m.{i}")
            for i, count in enumerate(channels)
        )

    def forward(self, *scales: Feature | Moved) -> tuple[Tensor, ...]:
        return tuple(layer(scale) for layer, scale in zip(self.m, scales, strict=True))


class Detector(nn.Module, ABC):
    """Base of the model families: subclasses give ``build`` and ``forward``.

    ``forward``: pixels / 255 [n, 3, height, width] to a tuple of logits
    [n, anchors * (5 + classes), height / stride, width / stride].
    """

    #: Pixels per cell of the family's maps.
    strides = STRIDES

    def __init__(self, task: Task, size: object, policy: Policy):
        super().__init__()
        self.task = task
        self.map_channels = len(task.anchors[0]) * (5 + len(task.names))
        self.model = self.build(size, policy)
        self._start_biases()
        # Quantisers between layers are made when a reader first asks for them: let all ask, first
        # to learn which tensors meet, then to make one quantiser for those that do.
        self.eval()
        for _ in range(2):
            with torch.no_grad():
                self(torch.zeros(1, 3, task.height, task.width))
            for module in self.modules():
                if isinstance(module, Taps):
                    module.planned = True
        for module in self.modules():
            if hasattr(module, "started"):
                module.started.fill_(False)
        self.train()

    @abstractmethod
    def build(self, size: object, policy: Policy) -> nn.ModuleDict:
        """The layers, by name."""

    @property
    def integer(self) -> bool:
        """Whether the exported network has integers only."""
        return self._detect().m[0].integer

    def _detect(self) -> Detect:
        return next(module for module in self.modules() if isinstance(module, Detect))

    @torch.no_grad()
    def units(self) -> list[float]:
        """Of an integer network: what 1 is worth in each of its results."""
        picture = torch.zeros(1, 3, self.task.height, self.task.width)
        self.eval()(picture.to(next(self.parameters())))
        return [layer.unit for layer in self._detect().m]

    def convolutions(self) -> list[QuantisedConvolution]:
        """All layers with weights."""
        return [module for module in self.modules() if isinstance(module, QuantisedConvolution)]

    def _start_biases(self) -> None:
        """Objectness starts near the share of cells with an object, classes near an even guess."""
        classes = len(self.task.names)
        for layer, stride in zip(self._detect().m, self.task.strides, strict=True):
            cells = self.task.height * self.task.width / stride**2
            with torch.no_grad():
                bias = layer.conv.bias.view(-1, 5 + classes)
                bias.zero_()
                bias[:, 4] = math.log(OBJECTS_PER_PICTURE / cells)
                bias[:, 5:] = -math.log(max(classes, 1) - 1 + 1e-6) if classes > 1 else 0.0
