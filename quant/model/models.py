"""The detectors by name."""

from quant.errors import TrainingError
from quant.model.detector import Detector, Task
from quant.model.plain_yolo import SIZES as PLAIN_SIZES
from quant.model.plain_yolo import PlainYolo
from quant.model.policy import Policy
from quant.model.yolov5 import SIZES as V5_SIZES
from quant.model.yolov5 import YoloV5
from quant.model.yolov7_tiny import SIZES as V7_SIZES
from quant.model.yolov7_tiny import YoloV7Tiny

MODELS = (
    {name: (YoloV5, size) for name, size in V5_SIZES.items()}
    | {name: (YoloV7Tiny, size) for name, size in V7_SIZES.items()}
    | {name: (PlainYolo, size) for name, size in PLAIN_SIZES.items()}
)


def _family(name: str) -> tuple[type[Detector], object]:
    if name not in MODELS:
        raise TrainingError(f"no model {name!r}; there are {', '.join(MODELS)}")
    return MODELS[name]


def strides_of(name: str) -> tuple[int, ...]:
    """Pixels per cell of the maps of detector ``name``; :class:`TrainingError` if there is none."""
    return _family(name)[0].strides


def make_model(name: str, task: Task, policy: Policy) -> Detector:
    """The detector ``name`` for a task; :class:`TrainingError` names those there are."""
    kind, size = _family(name)
    multiple = kind.strides[-1]
    if min(task.height, task.width) < 1 or task.height % multiple or task.width % multiple:
        raise TrainingError(
            f"input of {task.width} x {task.height} pixels: both sides must be multiples of "
            f"{multiple} for {name}"
        )
    return kind(task, size, policy)


def untrained(name: str, classes: int, *, height: int, width: int, policy: Policy) -> Detector:
    """The detector ``name`` as it is counted: of ``classes`` classes, with three anchors a map."""
    if classes < 1:
        raise TrainingError(f"{classes} classes; expected at least 1")
    strides = strides_of(name)
    task = Task(
        names=tuple(str(label) for label in range(classes)),
        height=height,
        width=width,
        anchors=(((1.0, 1.0),) * 3,) * len(strides),
        strides=strides,
    )
    return make_model(name, task, policy)
