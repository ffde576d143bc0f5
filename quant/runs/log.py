"""The log of a training: a CSV file and TensorBoard's events, one row an epoch."""

import csv
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

COLUMNS = (
    "epoch", "rate", "loss", "box", "object", "class", "flips", "oscillating", "ap50", "ap",
)  # fmt: skip


class Log:
    """Appends rows to ``log.csv`` and to the events in ``folder``.

    A training that goes on from ``epochs`` finished ones drops rows of later epochs: they will be
    written again, the same.
    """

    def __init__(self, folder: Path, epochs: int = 0):
        self.path = folder / "log.csv"
        kept = [row for row in read_log(self.path) if int(row["epoch"]) < epochs]
        part = self.path.with_suffix(".part")
        with part.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, COLUMNS)
            writer.writeheader()
            writer.writerows(kept)
        part.replace(self.path)
        self.events = SummaryWriter(folder / "events", purge_step=epochs)

    def write(self, row: dict[str, float]) -> None:
        """One epoch; columns that are left out stay empty."""
        with self.path.open("a", newline="") as stream:
            csv.DictWriter(stream, COLUMNS).writerow(row)
        for name, value in row.items():
            if name != "epoch":
                self.events.add_scalar(name, value, row["epoch"])
        self.events.flush()

    def close(self) -> None:
        self.events.close()


def read_log(path: Path) -> list[dict[str, str]]:
    """The rows of a ``log.csv``; none where there is no file."""
    if not path.exists():
        return []
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))
