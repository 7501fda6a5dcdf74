"""Figures and tables of one run of MIM, drawn from the files it left, and of its data.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
Steps are counted from 1 here, as a reader counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmlib.experiments.training_figures import say_data, show_in_notebooks, training_figure
from mmlib.figures.captions import set_caption
from mmlib.figures.looks import modality_look
from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from mmlib.data.dataset import MultimodalDataset
    from mmlib.experiments.finished import FinishedRun

__all__ = [
    "gate_figure",
    "guidance_figure",
    "losses_figure",
    "measures_figure",
    "samples_figure",
    "show_in_notebooks",
    "steps_table",
]
LOSSES = ("penalty", "masked", "unmasked", "intra", "inter", "fused")
NO_GATES = "this run is without purification: set purification = True"


def modalities_of(run: FinishedRun, protocol: str) -> list[str]:
    """Those with gates, in the order of the run's arrays."""
    prefix = f"{protocol}_gate_steps_"
    return [name.removeprefix(prefix) for name in run.arrays if name.startswith(prefix)]


def samples_figure(dataset: MultimodalDataset, count: int = 3) -> Figure:
    """Test samples as the network sees them, a column each: features by step; token ids where there are words.

    A cross above marks a noise step, where the data know them.
    """
    chosen = np.linspace(0, len(dataset) - 1, min(count, len(dataset))).round().astype(int)
    batch = dataset.glance(chosen)
    with style():
        figure, axes = new_figure(FULL, 1.2 * len(batch.inputs) + 0.6, len(batch.inputs), len(chosen))
        for row, (name, values) in enumerate(batch.inputs.items()):
            noise = dataset.prepared.arrays.get(f"{name}_noise")
            for column, place in enumerate(chosen):
                axis, sample = axes[row, column], values[column].numpy()
                if sample.ndim == 1:
                    axis.plot(np.arange(1, len(sample) + 1), sample, ".", color=SERIES[0])
                else:
                    axis.imshow(sample.T, aspect="auto", cmap="cividis", origin="lower", interpolation="nearest")
                    axis.set_xticks(np.arange(0, len(sample), 5), np.arange(1, len(sample) + 1, 5))
                axis.grid(False)
                if noise is not None:
                    marked = np.flatnonzero(noise[dataset.rows[place]])
                    axis.plot(marked, np.full(len(marked), sample.shape[-1] - 0.8), "x", color="white", ms=3, mew=0.8)
                if column == 0:
                    axis.set_ylabel(name)
                if row == 0:
                    value = dataset.targets[place]
                    said = f"score {value:+.2f}" if dataset.targets.dtype.kind == "f" else dataset.classes[int(value)]
                    axis.set_title(said)
        for axis in axes[-1]:
            axis.set_xlabel("step")
        set_caption(figure, "Test samples, as the network sees them", f"{dataset.prepared.dataset}; ×: a noise step")
    return figure


def losses_figure(run: FinishedRun) -> Figure:
    """The losses by epoch, each weighted as it counts, and the share of gates that are open while training."""
    epochs = np.array([entry["epoch"] + 1 for entry in run.history])
    with style():
        figure, (row,) = new_figure(FULL, 2.6, 1, 2)
        there = [name for name in LOSSES if f"loss_{name}" in run.history[0]]
        lines = {name: f"loss_{name}" for name in there} or {"fused": "train/loss"}
        gates = {name.removeprefix("gate_rate_"): name for name in run.history[0] if name.startswith("gate_rate_")}
        for axis, drawn, scale in ((row[0], lines, 1), (row[1], gates, 100)):
            for index, (label, name) in enumerate(drawn.items()):
                values = np.array([entry[name] for entry in run.history], dtype=float)
                line = {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index]}
                axis.plot(epochs, scale * values, label=label, markevery=max(1, len(epochs) // 6), **line)
            axis.set(xlabel="epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].set(ylabel="loss, weighted", yscale="symlog")
        row[0].legend(loc="best", ncols=2)
        if gates:
            row[1].set(ylabel="gates open (%)", ylim=(-2, 102))
            row[1].legend(loc="best")
        else:
            empty(row[1], NO_GATES)
        say_data(figure, run, "Losses, each weighted as it counts, and gates that are open")
    return figure


def measures_figure(run: FinishedRun) -> Figure:
    """Loss and what the task is measured by, by epoch: MAE and correlation of scores, Top-1 and loss of classes."""
    return training_figure(run, *(("mae", "pearson") if "clean/mae" in run.metrics else ("top1", "loss")))


def gate_figure(run: FinishedRun, protocol: str = "clean") -> Figure:
    """How many test samples keep each step, by modality; where noise steps are known, of these and of the others."""
    names = modalities_of(run, protocol)
    with style():
        if not names:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, NO_GATES)
            return figure
        figure, (row,) = new_figure(FULL, 2.4, 1, len(names), sharey=True)
        for axis, name in zip(row, names, strict=True):
            kept = 100 * run.arrays[f"{protocol}_gate_steps_{name}"]
            steps = np.arange(1, len(kept) + 1)
            noise = run.arrays.get(f"test_noise_{name}")
            drawn = {"all steps": kept}
            if noise is not None:
                gate = run.arrays[f"{protocol}_gate_{name}"]
                there = np.arange(len(kept)) < run.arrays["test_steps"][:, None]
                drawn = {"signal": _kept(gate, there & ~noise), "noise": _kept(gate, there & noise)}
            for index, (label, values) in enumerate(drawn.items()):
                line = {"color": SERIES[index], "ls": DASHES[index], "marker": MARKERS[index], "ms": 3}
                axis.plot(steps, values, label=label, **line)
            axis.set(xlabel="step", title=name, ylim=(-2, 102))
            axis.xaxis.get_major_locator().set_params(integer=True)
        row[0].set_ylabel("test samples that keep it (%)")
        row[-1].legend(loc="best")
        say_data(figure, run, "Steps that the gates keep")
    return figure


def _kept(gate: np.ndarray, where: np.ndarray) -> np.ndarray:
    """Share (T,) of samples whose gate (N, T) is open among those `where` says, percent."""
    counts = where.sum(axis=0)
    share = np.divide((gate * where).sum(axis=0), counts, out=np.full(gate.shape[1], np.nan), where=counts > 0)
    return 100 * share


def guidance_figure(run: FinishedRun, protocol: str = "clean") -> Figure:
    """Which modality alone errs least, and so teaches the others, by test sample; and how that goes with the target."""
    names = modalities_of(run, protocol)
    teacher = run.arrays.get(f"{protocol}_teacher")
    with style():
        if teacher is None or not names:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, "no heads, or no purification: nobody teaches")
            return figure
        figure, ((left, right),) = new_figure(FULL, 2.4, 1, 2)
        labels = [*names, "none"]
        share = [100 * float((teacher == number).mean()) for number in [*range(len(names)), -1]]
        looks = [modality_look(name, number) for number, name in enumerate(names)]
        left.bar(labels, share, color=[*(look.color for look in looks), "#999999"])
        left.set(ylabel="test samples it teaches (%)")
        targets = run.arrays["test_targets"].astype(float)
        edges = np.linspace(targets.min() - 1e-6, targets.max() + 1e-6, 8 if len(np.unique(targets)) > 2 else 3)
        place = np.digitize(targets, edges) - 1
        middles = (edges[1:] + edges[:-1]) / 2
        for number, name in enumerate(names):
            values = [100 * (teacher[place == k] == number).mean() if (place == k).any() else np.nan
                      for k in range(len(middles))]  # fmt: skip
            right.plot(middles, values, **looks[number].line(label=name))
        right.set(xlabel="target", ylabel="of which it teaches (%)", ylim=(-2, 102))
        right.legend(loc="best")
        say_data(figure, run, "Who errs least, and so teaches the others")
    return figure


def steps_table(
    run: FinishedRun, dataset: MultimodalDataset, place: int | None = None, protocol: str = "clean"
) -> DataFrame:
    """One test sample step by step: what was said there, where the data have words, and which modalities keep it.

    `place` (None: the sample that closes most of its steps). × marks a noise step that the data know of.
    """
    import pandas

    names = modalities_of(run, protocol)
    steps = run.arrays["test_steps"]
    gates = {name: run.arrays[f"{protocol}_gate_{name}"] for name in names}
    if place is None:
        place = int(np.argmin(sum(open_share(gate, steps) for gate in gates.values()))) if names else 0
    count = int(steps[place])
    # BERT's first piece has no gate in text, and its pieces are no words.
    rows = {"said": [""] * count if run.parameters["bert"] else said_at(dataset, place, count)}
    for name, gate in gates.items():
        noise = run.arrays.get(f"test_noise_{name}")
        shown = ["–"] * (dataset.input_shapes[name][0] - gate.shape[1])
        for step, value in enumerate(gate[place, : count - len(shown)]):
            wrong = noise is not None and noise[place, step]
            shown.append(("open" if value else "closed") + (" ×" if wrong else ""))
        rows[name] = shown
    table = pandas.DataFrame(rows, index=pandas.Index(range(1, count + 1), name="step"))
    target = dataset.targets[place]
    table.attrs["sample"] = f"{dataset.column('id')[place]}, target {target:g}"
    return table


def open_share(gate: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Share (N,) of each sample's steps that a gate (N, T) keeps."""
    there = np.arange(gate.shape[1]) < steps[:, None]
    return (gate * there).sum(axis=1) / there.sum(axis=1)


def said_at(dataset: MultimodalDataset, place: int, steps: int) -> list[str]:
    """What is said at each step of a sample: its words, or the utterances of its window, the newest first."""
    index, row = dataset.prepared.index, dataset.rows[place]
    if "transcript" not in index:
        return [""] * steps
    if "position" not in index:
        words = str(index["transcript"][row]).split(" ")
        return [words[step] if step < len(words) else "" for step in range(steps)]
    return [str(index["transcript"][row - step]) for step in range(steps)]  # rows are in the order of the video
