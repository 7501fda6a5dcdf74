"""Figures and tables of one run of question answering, drawn from the files it left, and of its data.

Each function returns a matplotlib Figure in the house style: told apart without colour, labelled with symbol and unit.
Seconds are counted from 1 here, as a reader counts them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mmlib.experiments.question_answering.answered import Answered, answer_question, question_text
from mmlib.experiments.question_answering.clip_figures import clip_figure, clip_sounds, draw_strip
from mmlib.experiments.training_figures import say_data, show_in_notebooks, training_figure
from mmlib.figures.captions import set_caption
from mmlib.figures.steps import draw_steps
from mmlib.figures.style import DASHES, FULL, HATCHES, SERIES, empty, new_figure, style
from mmlib.metrics.question_answering import OVERALL, TYPES, floor_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from mmlib.data.dataset import MultimodalDataset
    from mmlib.experiments.finished import FinishedRun

__all__ = [
    "answer_figure",
    "answer_question",
    "clip_figure",
    "clip_sounds",
    "iemf_figure",
    "measures_figure",
    "picture_figure",
    "questions_table",
    "show_in_notebooks",
    "types_figure",
]
MOST_ANSWERS = 8
"""Bars of a question's answers, the most probable ones."""


def questions_table(dataset: MultimodalDataset, count: int = 9) -> DataFrame:
    """Some questions of a split, one of each type before a second of any: position, question, answer."""
    import pandas

    names = [f"{m} {k}" for m, k in zip(dataset.column("modality"), dataset.column("type"), strict=True)]
    turn = np.zeros(len(dataset), dtype=int)  # which of its type a question is
    for name in set(names):
        rows = np.flatnonzero(np.array(names) == name)
        turn[rows] = np.arange(len(rows))
    chosen = np.argsort(turn, kind="stable")[:count]
    rows = {
        int(place): {
            "type": names[place],
            "question": question_text(dataset, int(place)),
            "answer": dataset.classes[int(dataset.targets[place])],
        }
        for place in sorted(chosen.tolist(), key=lambda place: names[place])
    }
    return pandas.DataFrame.from_dict(rows, orient="index").rename_axis("position")


def answer_figure(found: Answered) -> Figure:
    """The most probable answers, the right one hatched; and how much each second has in the answer, by modality."""
    order = np.argsort(-found.probabilities, kind="stable")[:MOST_ANSWERS]
    right = found.names.index(found.answer)
    order = order if right in order else np.append(order[:-1], right)
    with style():
        figure, ((left, middle),) = new_figure(FULL, 2.6, 1, 2, width_ratios=(1, 1.2))
        for place, answer in enumerate(order):
            look = {"color": SERIES[1 if answer == right else 0], "hatch": HATCHES[1 if answer == right else 0]}
            left.barh(place, 100 * found.probabilities[answer], edgecolor="#444444", linewidth=0.5, **look)
        left.set_yticks(range(len(order)), [found.names[answer] for answer in order])
        left.set(xlabel="probability (%)", xlim=(0, 100), ylim=(len(order) - 0.5, -0.5))
        left.set_title(f"answers; hatched: the right one, “{found.answer}”")
        if found.attention:
            _attention(middle, found)
        else:
            empty(middle, "the question alone: there are no seconds to attend to")
        set_caption(
            figure, f"{found.text} Answers, and the seconds attended to", f"{found.modality}, {found.kind.lower()}"
        )
    return figure


def _attention(axis: Axes, found: Answered) -> None:
    width = 0.8 / len(found.attention)
    for index, (name, weights) in enumerate(found.attention.items()):
        seconds = np.arange(1, len(weights) + 1) + (index - (len(found.attention) - 1) / 2) * width
        look = {"color": SERIES[index], "hatch": HATCHES[index], "edgecolor": "#444444", "linewidth": 0.5}
        axis.bar(seconds, 100 * weights, width, label={"audio": "sound", "visual": "picture"}[name], **look)
    axis.axhline(100 / len(weights), color="black", lw=0.8, ls=":")
    axis.set(xlabel="part of the clip", ylabel="weight in the answer (%)", xticks=range(1, len(weights) + 1))
    axis.set_title("attention over the clip; dotted: all alike")
    axis.legend(loc="best")


def picture_figure(found: Answered) -> Figure:
    """Where AVST looks for what it hears: in each second the weights of all positions, which add up to 1."""
    with style():
        if found.picture is None:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, "this network does not look for the sound in the picture: set network = 'avst'")
            return figure
        figure, ((axis,),) = new_figure(FULL, 1.5, 1, 1)
        draw_strip(axis, 100 * found.picture, "weight (%)")
        set_caption(figure, "Where in the picture the sound is looked for", found.text)
    return figure


def types_figure(run: FinishedRun, protocol: str = "clean") -> Figure:
    """Accuracy on test questions by type, and on all; the dotted line is the majority answer of each question."""
    names = [name for name in (*TYPES, OVERALL) if run.metrics.get(f"{protocol}/{name}") is not None]
    with style():
        figure, ((axis,),) = new_figure(FULL, 2.6, 1, 1)
        for place, name in enumerate(names):
            look = {"color": SERIES[0], "edgecolor": "#444444", "linewidth": 0.5}
            axis.bar(place, 100 * run.metrics[f"{protocol}/{name}"], 0.7, **look)
            floor = run.metrics.get(f"{protocol}/{floor_of('majority', name)}")
            if floor is not None:
                line = {"color": "black", "ls": DASHES[2], "lw": 1.6}
                label = "majority answer of each question" if not place else None
                axis.plot([place - 0.45, place + 0.45], [100 * floor] * 2, label=label, **line)
        labels = ["all\nquestions" if name == OVERALL else "\n".join(TYPES[name]) for name in names]
        axis.set_xticks(range(len(names)), labels, fontsize=7)
        axis.set(ylabel="accuracy (%)", ylim=(0, 102))
        axis.grid(axis="x", visible=False)
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc="best")
        say_data(figure, run, "Accuracy on test questions by type")
    return figure


def measures_figure(run: FinishedRun) -> Figure:
    """Accuracy and loss by epoch. A first stage on pairs of sound and picture has its accuracy in the history."""
    return training_figure(run, OVERALL, "loss")


def iemf_figure(run: FinishedRun) -> Figure:
    """IEMF's ratio r and the coefficient of the layer that mixes, at every step (light) and by epoch (dark)."""
    arrays = run.arrays
    with style():
        if "iemf_ratio" not in arrays:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, "this run is without IEMF: set iemf = True and unimodal_heads = 'attached'")
            return figure
        figure, (row,) = new_figure(FULL, 2.4, 1, 2)
        labels = {"iemf_ratio": "ratio r", "k_fusion": "coefficient I of the layer that mixes"}
        for axis, (name, label) in zip(row, labels.items(), strict=True):
            draw_steps(axis, arrays["epoch"], arrays[name], SERIES[0])
            axis.axhline(1, color="black", lw=0.8, ls=":")
            axis.set(xlabel="epoch", ylabel=label)
        say_data(figure, run, "IEMF’s ratio and coefficient: each step light, means of epochs dark")
    return figure
