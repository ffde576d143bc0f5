"""Plots of training logs: loss, average precision, share of weights that flip."""

from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from quant.errors import TrainingError
from quant.runs.log import read_log
from quant.runs.run_folder import SETTINGS, build_recipe
from quant.runs.settings import read_settings

PANELS = (("loss", "training loss"), ("ap50", "AP50 on val"), ("flips", "weights that flip"))


def plot(runs: list[Path], out: Path) -> None:
    """One line for each training's folder; raises :class:`TrainingError` without a log."""
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(11, 3.4), layout="constrained")
        axes = figure.subplots(1, len(PANELS))
        for run in runs:
            rows = read_log(run / "log.csv")
            if not rows:
                raise TrainingError(f"{run}: no log.csv with a row; is it a training's folder?")
            settings = read_settings(run / SETTINGS)
            label = f"{build_recipe(settings).name} (seed {settings.seed})"
            for axis, (column, title) in zip(axes, PANELS, strict=True):
                points = [(int(r["epoch"]) + 1, float(r[column])) for r in rows if r[column]]
                axis.plot(*zip(*points, strict=True), label=label, linewidth=1)
                axis.set_title(title)
                axis.set_xlabel("epoch")
                axis.grid(alpha=0.3)
        axes[2].set_yscale("symlog", linthresh=1e-4)
        axes[1].legend(fontsize=7)
        out.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(out, dpi=110)
