"""Figures and the table of one run through all steps, drawn from the files it left, and of its data.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
Steps and tasks are counted from 1 here, as a reader counts them; in records and arrays from 0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.experiments.continual.exemplar_figures import exemplars_figure
from mmlib.experiments.training_figures import say_data, show_in_notebooks
from mmlib.figures.captions import set_caption
from mmlib.figures.steps import draw_steps
from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, ordered, style
from mmlib.metrics.continual import forgetting, forgotten, overall_accuracies, task_accuracies
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from mmlib.data.dataset import MultimodalDataset
    from mmlib.experiments.finished import FinishedRun

__all__ = [
    "confusion_figure",
    "exemplars_figure",
    "forgetting_figure",
    "iemf_figure",
    "matrix_figure",
    "samples_figure",
    "show_in_notebooks",
    "steps_table",
    "training_figure",
]
MOST_NUMBERS = 12
"""Steps up to which a heat map's cells hold their numbers."""


def steps_table(run: FinishedRun, protocol: str = "clean") -> DataFrame:
    """One row per step: what it trained on and held, what all classes seen by then were told with, what it took."""
    import pandas

    matrix, clips = run.arrays[f"{protocol}_accuracy_matrix"], run.arrays["task_clips"]
    lost = [None, *(100 * forgetting(matrix))]
    rows = {}
    for number, stage in enumerate(run.stages):
        rows[number + 1] = {
            "classes seen": stage.coverage["test"],
            "training clips": stage.splits["train"],
            "exemplars": stage.splits.get("exemplars", 0),
            "held (MiB)": round(run.arrays["memory_bytes"][number] / 2**20, 3),
            "epoch": stage.selection[protocol].epoch - stage.first_epoch + 1,
            "accuracy (%)": round(100 * float(overall_accuracies(matrix, clips)[number]), 1),
            "mean over tasks (%)": round(100 * float(task_accuracies(matrix)[number]), 1),
            "forgetting (points)": None if lost[number] is None else round(float(lost[number]), 1),
            "seconds": stage.wall_s,
        }
    return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("step")


def matrix_figure(run: FinishedRun, protocol: str = "clean") -> Figure:
    """Accuracy among all classes seen after each step; and R, that on each task's test clips after each step."""
    matrix, clips = run.arrays[f"{protocol}_accuracy_matrix"], run.arrays["task_clips"]
    steps = np.arange(1, len(matrix) + 1)
    lines = {
        "all clips": overall_accuracies(matrix, clips),
        "mean over tasks": task_accuracies(matrix),
        "newest task": np.diagonal(matrix),
    }
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.9, 1, 2, width_ratios=(1, 1.15))
        for index, (label, values) in enumerate(lines.items()):
            line = {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index]}
            left.plot(steps, 100 * values, label=label, **line)
        left.set(xlabel="after step", ylabel=metric("top1").axis, xticks=steps, ylim=(-2, 102))
        left.legend(loc="lower left")
        _heat_map(right, 100 * matrix, "Blues", "accuracy (%)")
        right.set(xlabel="task", ylabel="after step")
        say_run(figure, run, protocol, "Accuracy by step and task")
    return figure


def _heat_map(axis: Axes, values: np.ndarray, colours: str, label: str, highest: float = 100.0) -> None:
    """A square of tasks with its numbers, where they fit; what is not known stays white."""
    axis.grid(False)
    image = axis.imshow(np.ma.masked_invalid(values), cmap=colours, vmin=0, vmax=highest)
    ticks = range(len(values))
    axis.set_xticks(ticks, [str(tick + 1) for tick in ticks])
    axis.set_yticks(ticks, [str(tick + 1) for tick in ticks])
    if len(values) <= MOST_NUMBERS:
        for (row, column), value in np.ndenumerate(values):
            if np.isfinite(value):
                colour = "white" if value > 0.55 * highest else "black"
                axis.text(column, row, f"{value:.0f}", ha="center", va="center", color=colour, size=7)
    axis.figure.colorbar(image, ax=axis, label=label, shrink=0.85)


def forgetting_figure(run: FinishedRun, protocol: str = "clean") -> Figure:
    """The accuracy on each task from the step that taught it to the last; and what of its best is lost by then."""
    matrix = run.arrays[f"{protocol}_accuracy_matrix"]
    steps = np.arange(1, len(matrix) + 1)
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.7, 1, 2)
        if len(matrix) == 1:
            for axis in (left, right):
                empty(axis, "one step: nothing to forget")
            return figure
        for task, shade in enumerate(ordered(len(matrix))):  # tasks have an order, and so have their colours
            line = {"color": shade, "ls": DASHES[task % len(DASHES)], "marker": MARKERS[task % len(MARKERS)]}
            left.plot(steps, 100 * matrix[:, task], label=f"task {task + 1}", **line)
        left.set(xlabel="after step", ylabel="accuracy on the task (%)", xticks=steps, ylim=(-2, 102))
        left.legend(loc="lower left", ncols=2 if len(matrix) > 4 else 1)
        lost = 100 * forgotten(matrix)[-1, :-1]
        right.bar(steps[:-1], lost, color=SERIES[0], width=0.7)
        right.axhline(0, color="black", lw=0.8)
        right.axhline(lost.mean(), color=SERIES[1], ls=DASHES[1], label=f"mean {lost.mean():.1f} points")
        right.set(xlabel="task", ylabel="lost after the last step (points)\n← better", xticks=steps[:-1])
        right.legend(loc="best")
        say_run(figure, run, protocol, "What is kept of each task, and what is lost")
    return figure


def confusion_figure(run: FinishedRun, protocol: str = "clean") -> Figure:
    """Which task's classes the clips of each task are taken for after the last step; and how often the newest's."""
    counts = run.arrays[f"{protocol}_task_confusion"]
    steps = np.arange(1, len(counts) + 1)
    last = 100 * counts[-1] / counts[-1].sum(axis=1, keepdims=True)
    with style():
        figure, ((left, right),) = new_figure(FULL, 2.9, 1, 2, width_ratios=(1.15, 1))
        _heat_map(left, last, "Blues", "share of the task's clips (%)")
        left.set(xlabel="task of the predicted class", ylabel="task", title="after the last step")
        drawn = [
            (step, 100 * count[:step, step].sum() / count[:step].sum()) for step, count in enumerate(counts) if step
        ]
        if drawn:
            old, share = zip(*drawn, strict=True)
            right.plot(np.array(old) + 1, share, color=SERIES[0], marker=MARKERS[0])
            right.set(xlabel="after step", ylabel="old clips taken for new classes (%)\n← better", xticks=steps[1:])
            right.set_ylim(-2, 102)
        else:
            empty(right, "one step: no old clips")
        say_run(figure, run, protocol, "What the clips of each task are taken for")
    return figure


def training_figure(run: FinishedRun) -> Figure:
    """Loss and accuracy among all classes seen by epoch; grey lines begin a step, marks are the chosen epochs."""
    epochs = np.array([entry["epoch"] + 1 for entry in run.history])
    with style():
        figure, (row,) = new_figure(FULL, 2.5, 1, 2)
        for axis, name, splits in zip(
            row, ("loss", "top1"), (("train",), ("train", "validation", "test")), strict=True
        ):
            shown = metric(name)
            for stage in run.stages[1:]:
                axis.axvline(stage.first_epoch + 0.5, color="#BBBBBB", lw=0.8, zorder=0)
            for index, split in enumerate(splits):
                values = np.array([entry.get(f"{split}/{name}") for entry in run.history], dtype=float)
                for stage in run.stages:
                    inside = slice(stage.first_epoch, stage.first_epoch + stage.epochs)
                    label = split if stage is run.stages[0] else None
                    axis.plot(
                        epochs[inside], shown.scale * values[inside], color=SERIES[index], ls=DASHES[index], label=label
                    )
                if split == "validation":
                    chosen = [stage.selection["clean"].epoch for stage in run.stages]
                    mark = {"color": SERIES[index], "marker": MARKERS[index], "ls": "none", "label": "chosen"}
                    axis.plot(epochs[chosen], shown.scale * values[chosen], **mark)
            axis.set(xlabel="epoch, all steps", ylabel=f"{shown.axis}\n{shown.arrow}")
            axis.legend(loc="best")
        say_data(figure, run, "Training, all steps: grey lines begin a step, marks are the chosen epochs")
    return figure


def iemf_figure(run: FinishedRun) -> Figure:
    """IEMF's ratio r and the coefficient of the classifier, at every training step (light) and by epoch (dark)."""
    arrays = run.arrays
    with style():
        if "iemf_ratio" not in arrays:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, "this run is without IEMF: set iemf = True")
            return figure
        figure, (row,) = new_figure(FULL, 2.4, 1, 2)
        for axis, name, label in zip(
            row, ("iemf_ratio", "k_fusion"), ("ratio r", "coefficient of the classifier"), strict=True
        ):
            for stage in run.stages[1:]:
                axis.axvline(stage.first_epoch, color="#BBBBBB", lw=0.8, zorder=0)
            draw_steps(axis, arrays["epoch"], arrays[name], SERIES[0])
            axis.axhline(1, color="black", lw=0.8, ls=":")
            axis.set(xlabel="epoch, all steps", ylabel=label)
        say_data(figure, run, "IEMF’s ratio and coefficient: each step light, means of epochs dark")
    return figure


def samples_figure(dataset: MultimodalDataset, count: int = 4) -> Figure:
    """Test clips as the network sees them: the sound's vector, and the length of the visual token at each place; the
    mean token itself where that is all it sees.
    """
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    batch = dataset.glance(chosen)
    shown = {"aspect": "auto", "cmap": "cividis", "interpolation": "nearest"}
    tokens = batch.inputs["visual"].float()  # (n, T, P, C), or their means (n, C)
    with style():
        figure, axes = new_figure(FULL, 3.0, 2, len(chosen))
        for column in range(len(chosen)):
            above, below = axes[:, column]
            above.set_title(dataset.classes[int(dataset.column("label")[chosen[column]])])
            _vector(above, batch.inputs["audio"][column].float().numpy())
            if tokens.ndim == 2:
                _vector(below, tokens[column].numpy())
                continue
            below.imshow(tokens[column].norm(dim=-1).numpy().T, origin="lower", **shown)  # (P, T)
            below.set(xlabel="time step")
            below.grid(False)
            for axis in (below.xaxis, below.yaxis):
                axis.get_major_locator().set_params(integer=True)
        axes[0, 0].set_ylabel("audio feature")
        axes[1, 0].set_ylabel("mean visual token" if tokens.ndim == 2 else "position; length of its token")
        set_caption(figure, "Clips of the test split, as the network sees them", dataset.prepared.dataset)
    return figure


def _vector(axis: Axes, values: np.ndarray) -> None:
    """One feature vector by channel."""
    axis.plot(np.arange(len(values)), values, color=SERIES[0], lw=0.7)
    axis.set(xlabel="channel")
    axis.xaxis.get_major_locator().set_params(integer=True)


def say_run(figure: Figure, run: FinishedRun, protocol: str, what: str) -> None:
    """Caption a figure with what it shows, its data, its method and whose networks it shows."""
    parameters: dict[str, Any] = run.parameters
    method = f"{parameters['method']}{' + IEMF' if parameters['iemf'] else ''}"
    chosen = {"clean": "networks chosen on validation", "last": "networks of the last epochs"}[protocol]
    say_data(figure, run, what, f"{method}, {chosen}")
