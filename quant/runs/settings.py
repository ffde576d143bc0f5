"""What a training is told: kept with its result, so that each can be repeated."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from quant.errors import TrainingError
from quant.runs.options import Options

#: Smallest settings.
LEAST = {"epochs": 1, "batch": 1, "score_every": 1, "height": 1, "width": 1, "seed": 0}
#: Seeds are 64-bit numbers.
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All of a training's settings. ``data`` is the data.yaml; ``weights`` a file to start from."""

    data: str
    recipe: str
    model: str = "yolov5pico"
    bits: int | None = None
    options: Options = field(default_factory=Options)
    weights: str | None = None
    height: int = 192
    width: int = 256
    fit: str = "letterbox"
    augmentation: str = "upright"
    epochs: int = 100
    batch: int = 16
    seed: int = 0
    #: Multiplies the recipe's learning rates.
    rate: float = 1.0
    #: Validation pictures are scored every so many epochs.
    score_every: int = 10

    def __post_init__(self):
        for name, least in LEAST.items():
            if getattr(self, name) < least:
                raise TrainingError(f"{name} is {getattr(self, name)}; expected at least {least}")
        if self.seed > LARGEST_SEED:
            raise TrainingError(f"seed is {self.seed}; expected at most {LARGEST_SEED}")
        if not 0 < self.rate < float("inf"):
            raise TrainingError(f"rate is {self.rate}; expected more than 0")

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1) + "\n"


def read_settings(path: Path) -> Settings:
    """Settings from ``settings.json``; :class:`TrainingError` where it is missing or broken."""
    try:
        record = json.loads(path.read_text())
        return Settings(**(record | {"options": Options(**record["options"])}))
    except FileNotFoundError:
        raise TrainingError(f"{path}: no such file; is its folder that of a training?") from None
    except (ValueError, TypeError, KeyError) as error:
        raise TrainingError(f"{path}: not the settings of a training ({error})") from None
