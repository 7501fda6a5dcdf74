"""Figures of one run of event localisation, from the files it left, and of its data.

Each function returns a matplotlib Figure in the house style. Traces of ratios, coefficients and ζ are drawn by
`mmlib.experiments.training_figures`: they are the same for every task with a fusion.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmlib.experiments import training_figures
from mmlib.experiments.training_figures import modulation_figure, say_data, show_in_notebooks, zeta_figure
from mmlib.figures.captions import set_caption
from mmlib.figures.side_by_side import SideBySide
from mmlib.figures.style import FULL, SERIES, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from mmlib.data.dataset import MultimodalDataset
    from mmlib.experiments.finished import FinishedRun

__all__ = [
    "affinity_figure",
    "attention_figure",
    "class_figure",
    "confusion_figure",
    "modulation_figure",
    "samples_figure",
    "show_in_notebooks",
    "timeline_figure",
    "training_figure",
    "zeta_figure",
]
HATCHES = ("", "///", "...", "xxx", "\\\\\\")
ROW = 2.75
"""From a clip's timeline to the next one's below, in heights of a strip."""


def examples(true: np.ndarray, background: int, count: int) -> np.ndarray:
    """Clips of labels (N, T) to show: those with a beginning or an end first, spread over the split and its classes."""
    partly = np.flatnonzero((true == background).any(axis=1) & (true != background).any(axis=1))
    if len(partly) >= count:
        return partly[np.linspace(0, len(partly) - 1, count).round().astype(int)]
    rest = np.setdiff1d(np.arange(len(true)), partly)
    return np.concatenate([partly, rest])[:count]


def short_name(name: str, room: int) -> str:
    """The name's first words, cut with an ellipsis where more than `room` characters do not fit."""
    name = name.split(",")[0].split(" (")[0]
    return name if len(name) <= room else name[: max(room - 1, 1)] + "…"


def samples_figure(dataset: MultimodalDataset, count: int = 3) -> Figure:
    """Labels, audio features and mean strength of the visual map of clips, those with a beginning or an end first."""
    background = len(dataset.classes) - 1
    chosen = examples(dataset.targets, background, count)
    batch = dataset.glance(chosen)
    with style():
        figure, axes = new_figure(FULL, 3.6, 3)
        top, middle, below = axes[:, 0]
        sounds = batch.inputs["audio"].numpy().transpose(0, 2, 1)  # (n, F, T)
        seen = np.abs(batch.inputs["visual"].numpy()).mean(axis=-1).transpose(0, 2, 1, 3)  # (n, H, T, W)
        maps = seen.reshape(*seen.shape[:2], -1)
        heights = ((-0.5, 0.5), (0, sounds.shape[1]), (0, maps.shape[1]))
        panels = [
            SideBySide(axis, len(chosen), sounds.shape[2], low, high)
            for axis, (low, high) in zip(axes[:, 0], heights, strict=True)
        ]
        for place, clip in enumerate(chosen):
            left = panels[0].left(place)
            _strip(top, batch.targets[place].numpy(), 0, dataset.classes, room=3, left=left)
            panels[0].title(place, f"clip {clip}")
            panels[1].image(place, sounds[place])
            panels[2].image(place, maps[place], origin="upper")
        top.set(xticks=[], yticks=[], ylabel="event")
        middle.set(xticks=[], ylabel="audio feature")
        below.set(ylabel="map, row")
        below.yaxis.get_major_locator().set_params(integer=True)
        panels[2].ticks(range(0, sounds.shape[2], 2))
        panels[2].label("segment")
        set_caption(figure, "Clips of the test split, as the network sees them", dataset.prepared.dataset)
    return figure


def training_figure(run: FinishedRun) -> Figure:
    """Loss and segment accuracy of every split by epoch; the lines mark the epochs that the protocols chose."""
    return training_figures.training_figure(run, "loss", "accuracy")


def timeline_figure(run: FinishedRun, classes: list[str], count: int = 8, protocol: str = "clean") -> Figure:
    """True (above) against predicted (below) events of test clips, those with a beginning or an end first."""
    true, said = run.arrays["test_targets"], run.arrays[f"{protocol}_predicted"]
    background = len(classes) - 1
    chosen = examples(true, background, count)
    columns, segments = 2, true.shape[1]
    rows = -(-len(chosen) // columns)
    with style():
        figure, ((axis,),) = new_figure(FULL, 0.62 * rows + 0.7)
        panels = SideBySide(axis, columns, segments, ROW * rows - 1.25, -0.7)
        middles = []
        for place, clip in enumerate(chosen):
            row, column = divmod(place, columns)
            left, top = panels.left(column), ROW * row
            _strip(axis, true[clip], top, classes, left=left)
            _strip(axis, said[clip], top + 1, classes, left=left)
            right = 100 * (true[clip] == said[clip]).mean()
            axis.text(left + segments, top - 0.5, f"clip {clip}: {right:.0f} %", ha="right", va="bottom", size=7)
            axis.plot([left, left + segments], [top + 1.5] * 2, color="black", lw=0.7)
            middles += [] if column else [top, top + 1]
        axis.set_yticks(middles, ["true", "predicted"] * rows)
        axis.tick_params(axis="y", length=0)
        panels.ticks(range(0, segments + 1, 2))
        panels.label("segment")
        for spine in axis.spines.values():
            spine.set_visible(False)
        say_data(figure, run, "Events of test clips, true and predicted, with the share of segments that are right")
    return figure


def _strip(axis: Axes, labels: np.ndarray, height: float, classes: list[str], room: int = 4, left: float = 0) -> None:
    """Runs of one class as named boxes from `left` on, `room` characters to a segment; background stays empty."""
    edges = np.flatnonzero(np.diff(labels)) + 1
    starts, ends = np.concatenate([[0], edges]), np.concatenate([edges, [len(labels)]])
    for start, end in zip(starts, ends, strict=True):
        label = int(labels[start])
        if label == len(classes) - 1:
            continue
        hatch = HATCHES[label // len(SERIES) % len(HATCHES)]
        axis.barh(
            height, end - start, left=left + start, height=0.8, color=SERIES[label % len(SERIES)], alpha=0.35,
            edgecolor="black", lw=0.6, hatch=hatch,
        )  # fmt: skip
        name = short_name(classes[label], room * (end - start))
        box = {"fc": "white", "alpha": 0.75, "lw": 0, "pad": 0.6} if hatch else None
        axis.text(left + (start + end) / 2, height, name, ha="center", va="center", size=7, bbox=box, in_layout=False)


def attention_figure(run: FinishedRun, dataset: MultimodalDataset, count: int = 3, protocol: str = "clean") -> Figure:
    """Where the network looks: attention over the map at every segment of some test clips with a partial event."""
    weights = run.arrays[f"{protocol}_attention"].astype(float)  # (N, T, P)
    true = run.arrays["test_targets"]
    background = len(dataset.classes) - 1
    chosen = examples(true, background, count)
    rows, columns = dataset.input_shapes["visual"][1:3]
    segments = true.shape[1]
    step = columns + 1  # from a map to the next, one column left empty
    middles = np.arange(segments) * step + (columns - 1) / 2
    with style():
        figure, axes = new_figure(FULL, 0.85 * len(chosen) + 0.7, len(chosen))
        for clip, (axis,) in zip(chosen, axes, strict=True):
            highest = weights[clip].max()
            maps = weights[clip].reshape(segments, rows, columns)
            side_by_side = np.pad(maps, ((0, 0), (0, 0), (0, 1)), constant_values=np.nan)  # (T, rows, step)
            strip = side_by_side.transpose(1, 0, 2).reshape(rows, -1)[:, :-1]
            axis.imshow(strip, cmap="cividis", vmin=0, vmax=highest, interpolation="nearest")
            axis.set_axis_off()
            for t, middle in enumerate(middles):
                label = true[clip, t]
                name = "–" if label == background else short_name(dataset.classes[label], 11)
                axis.text(middle, -0.7, name, fontsize=7, ha="center", va="bottom")
                if clip == chosen[-1]:
                    axis.text(middle, rows - 0.2, str(t), fontsize=7, ha="center", va="top")
            axis.text(-1, (rows - 1) / 2, f"clip {clip}\n0 to {highest:.2f}", fontsize=7, ha="right", va="center")
        more = "by segment; dark to light: attention weight of each place; above: the true event"
        say_data(figure, run, "Where the network looks", more)
    return figure


def affinity_figure(run: FinishedRun, classes: list[str], count: int = 3, protocol: str = "clean") -> Figure:
    """PSP: what every visual segment takes up of every audio segment, before and after pruning, of some test clips."""
    if f"{protocol}_affinity" not in run.arrays:
        with style():
            figure, axes = new_figure(FULL, 0.6)
            empty(axes[0, 0], "Affinity of segments: PSP alone has it; set network = 'psp'.")
        return figure
    true = run.arrays["test_targets"]
    background = len(classes) - 1
    chosen = examples(true, background, count)
    kinds = (("shares", "before"), ("affinity", "after"))
    highest = max(float(run.arrays[f"{protocol}_{kind}"][chosen].max()) for kind, _ in kinds)
    with style():
        figure, axes = new_figure(FULL, 3.9, 2)
        segments = true.shape[1]
        upper, lower = (SideBySide(axis, len(chosen), segments, segments, 0) for axis in axes[:, 0])
        marks: list[str] = []
        for place, clip in enumerate(chosen):
            event = true[clip] != background
            marks += [f"{t}*" if event[t] else str(t) for t in range(segments)]
            name = short_name(classes[true[clip][event][0]], 14) if event.any() else "background"
            upper.title(place, f"clip {clip}, {name}", fontsize=7, fontweight="normal")
            for panels, (kind, _) in zip((upper, lower), kinds, strict=True):
                values = run.arrays[f"{protocol}_{kind}"][clip].astype(float)  # (T visual, T audio)
                look = {"origin": "upper", "aspect": "equal", "vmin": 0, "vmax": highest or 1}
                shown = panels.image(place, values, **look)
        for panels, (_, word) in zip((upper, lower), kinds, strict=True):
            panels.axis.set_ylabel(f"{word} pruning\nvisual segment", fontsize=7)
            panels.axis.set_yticks(np.arange(segments) + 0.5, range(segments), fontsize=7)
        upper.axis.set_xticks([])
        lower.ticks(np.arange(segments) + 0.5, marks, fontsize=7)
        lower.label("audio segment")
        figure.colorbar(shown, ax=axes, shrink=0.6, label="share of the row")
        more = "* a segment of the event, by the true labels"
        say_data(figure, run, "What each visual segment takes up of each audio segment", more)
    return figure


def class_figure(run: FinishedRun, classes: list[str], protocol: str = "clean") -> Figure:
    """Share of each class's test segments that were predicted right, classes that occur, with their number."""
    counts = run.arrays[f"{protocol}_confusion"]
    there = np.flatnonzero(counts.sum(axis=1))
    with style():
        figure, ((axis,),) = new_figure(FULL, 0.17 * len(there) + 0.9, 1, 1)
        if not len(there):
            empty(axis, "no segments")
            return figure
        shares = 100 * np.diag(counts)[there] / counts[there].sum(axis=1)
        axis.barh(range(len(there)), shares, color=SERIES[1], ec=SERIES[0])
        axis.axvline(100 * np.trace(counts) / counts.sum(), color="black", lw=0.9, ls=":", label="all segments")
        axis.set_yticks(range(len(there)), [f"{classes[label]} ({counts[label].sum()})" for label in there], fontsize=7)
        axis.set(xlabel="segments predicted right (%)\nbetter →", xlim=(0, 100))
        axis.invert_yaxis()
        axis.legend(loc="lower right", bbox_to_anchor=(1, 1), borderaxespad=0.2)
        say_data(figure, run, "Segments predicted right, by class (with their number)")
    return figure


def confusion_figure(run: FinishedRun, classes: list[str], protocol: str = "clean") -> Figure:
    """Confusion of segments at the epoch a protocol chose, classes that occur; in percent of each row."""
    counts = run.arrays[f"{protocol}_confusion"]
    there = np.flatnonzero(counts.sum(axis=0) + counts.sum(axis=1))
    shares = 100 * counts[np.ix_(there, there)] / np.maximum(counts[there].sum(axis=1, keepdims=True), 1)
    names = [classes[label].split(",")[0] for label in there]
    with style():
        size = 3.6 if len(there) <= 12 else 5.6
        figure, ((axis,),) = new_figure(size + 0.7, size, 1, 1)
        axis.grid(False)
        image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=100)
        if len(there) <= 12:
            for (label, said), share in np.ndenumerate(shares):
                color = "white" if share > 55 else "black"
                axis.text(said, label, f"{share:.0f}", ha="center", va="center", size=7, color=color, in_layout=False)
        axis.set_xticks(range(len(there)), names, rotation=60, ha="right", fontsize=7)
        axis.set_yticks(range(len(there)), names, fontsize=7)
        axis.set(xlabel="predicted", ylabel="label")
        figure.colorbar(image, ax=axis, label="share of the label's segments (%)", shrink=0.85)
        say_data(figure, run, f"Confusion of test segments, epoch chosen by '{protocol}'")
    return figure
