"""Question answering by type (figure 4 of IEMF): what each sense tells, and what IEMF adds, with floors beside.

The paper draws a polygon for each network, with and without IEMF, on axes that begin near the lowest value: an area
says more there than the numbers do. Radar charts are drawn here as there, and beside them the same as bars from zero,
with intervals over seeds, every seed a dot, and the floor that needs neither sound nor picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.analysis.avqa import NETWORKS, SENSES, VARIANTS, QuestionFindings
from mmlib.figures import looks
from mmlib.figures.captions import set_caption
from mmlib.figures.intervals import draw_interval, ends_of, shown_range
from mmlib.figures.looks import METHODS, Look
from mmlib.figures.style import DASHES, FULL, SMALL, name_ticks, new_figure, style
from mmlib.metrics.question_answering import ABOUT, OVERALL, TYPES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOOKS = {suffix: METHODS[looks.VARIANTS[suffix]] for suffix in VARIANTS}
SENSE_LOOKS = dict(zip(SENSES, (METHODS[n] for n in ("question", "with_sound", "with_picture", "plain")), strict=True))
AVERAGE = "average"
FLOOR = "majority answer of each question"
FEWEST = 3
"""Seeds from which a bar has an interval: that of two is wider than the axis."""
DRAWN = ("", "-joint", "-iemf")
"""Variants of the radar charts."""


def spokes(modality: str, known: Sequence[str]) -> dict[str, str]:
    """Metric -> name of each spoke of a modality's chart: its types, and their average over questions."""
    found = {name: kind for name, (about, kind) in TYPES.items() if about == modality and name in known}
    return {**found, next(name for name, about in ABOUT.items() if about == modality): AVERAGE}


def radar_figure(found: QuestionFindings) -> Figure:
    """Our means over seeds, a chart for each network and kind of question."""
    means = {
        row: {name: np.mean(list(values.values())) for name, values in of.items()} for row, of in found.values.items()
    }
    return _radars(means, found.types, "Accuracy by type of question (figure 4, ours)", f"{found.caption}; percent")


def published_figure(found: QuestionFindings) -> Figure:
    """The paper's numbers as it draws them, under their right names."""
    caption = "MUSIC-AVQA, one run each; audio-visual Counting and Location under their right names"
    return _radars(found.printed, list(TYPES), "Accuracy by type of question (figure 4, published)", caption)


def _radars(means: Mapping[str, Mapping[str, float]], types: Sequence[str], title: str, caption: str) -> Figure:
    networks = [name for name in NETWORKS if any(name + suffix in means for suffix in DRAWN)]
    with style():
        height = 0.9 + 2.6 * len(networks)
        figure, axes = new_figure(FULL, height, len(networks), len(ABOUT), subplot_kw={"projection": "polar"})
        figure.get_layout_engine().set(hspace=0.12)
        for row, network in zip(axes, networks, strict=True):
            for axis, modality in zip(row, ABOUT.values(), strict=True):
                shown = {suffix: means[network + suffix] for suffix in DRAWN if network + suffix in means}
                _radar(axis, shown, spokes(modality, types))
                axis.set_title(f"{NETWORKS[network]}, {modality.lower()}", pad=14)
        figure.legend(handles=_radar_legend(means, networks), loc="outside lower center", ncols=3, handlelength=3.2)
        set_caption(figure, title, caption)
    return figure


def _radar(axis: Any, shown: Mapping[str, Mapping[str, float]], names: Mapping[str, str]) -> None:
    """Polygons of the metrics in `names`; the axis begins five points below the lowest value, as the ticks say."""
    angles = np.linspace(0, 2 * np.pi, len(names), endpoint=False)
    values = {
        suffix: np.array([of[name] for name in names]) for suffix, of in shown.items() if names.keys() <= of.keys()
    }
    for suffix, drawn in values.items():
        axis.plot(np.append(angles, angles[:1]), np.append(drawn, drawn[:1]), **LOOKS[suffix].line(ms=3.5))
    axis.set_theta_zero_location("N")
    axis.set_theta_direction(-1)
    axis.set_xticks(angles, list(names.values()))
    axis.tick_params(axis="x", pad=-1, labelsize=7)
    axis.tick_params(axis="y", labelsize=7)
    if values:
        every = np.concatenate(list(values.values()))
        low = max(0.0, 5 * np.floor(every.min() / 5) - 5)
        high = min(100.0, 5 * np.ceil(every.max() / 5) + 1e-9)
        axis.set_ylim(low, max(high, low + 5))
        axis.set_yticks(np.linspace(low, max(high, low + 5), 4)[1:].round(0))


def _radar_legend(means: Mapping[str, Any], networks: Sequence[str]) -> list[Any]:
    from matplotlib.lines import Line2D

    there = [suffix for suffix in DRAWN if any(network + suffix in means for network in networks)]
    return [Line2D([], [], **LOOKS[suffix].line(label=VARIANTS[suffix])) for suffix in there]


def types_figure(found: QuestionFindings) -> Figure:
    """Accuracy by type, a panel for each network: bars from zero, intervals, seeds; the floor as a black line."""
    names = [*found.types, OVERALL]
    with style():
        figure, axes = new_figure(FULL, 0.9 + 2.1 * len(found.networks), len(found.networks), 1, sharex=True)
        for axis, network in zip(axes[:, 0], found.networks, strict=True):
            rows = {network + suffix: LOOKS[suffix] for suffix in found.variants(network)}
            _bars(axis, found, rows, names)
            axis.set_ylabel(f"{NETWORKS[network]}\naccuracy (%)")
        labels = {suffix: VARIANTS[suffix] for suffix in VARIANTS if any(n + suffix in found.values for n in NETWORKS)}
        figure.legend(
            handles=_bar_legend({label: LOOKS[suffix] for suffix, label in labels.items()}),
            loc="outside lower center",
            ncols=3,
        )
        set_caption(figure, "Accuracy by type of question", found.caption)
    return figure


def senses_figure(found: QuestionFindings) -> Figure:
    """Accuracy by type with the question alone, with sound, with the picture, with both; the floor as a black line."""
    names = [*found.types, OVERALL]
    with style():
        figure, ((axis,),) = new_figure(FULL, 3.2, 1, 1)
        _bars(axis, found, {row: SENSE_LOOKS[row] for row in found.senses}, names)
        axis.set_ylabel("accuracy (%)")
        figure.legend(
            handles=_bar_legend({SENSES[row]: SENSE_LOOKS[row] for row in found.senses}),
            loc="outside lower center",
            ncols=3,
        )
        set_caption(figure, "What is there beside the question, by type of question", found.caption)
    return figure


def _bars(axis: Any, found: QuestionFindings, rows: Mapping[str, Look], names: Sequence[str]) -> None:
    """Bars of these rows (with their looks) at each metric."""
    width = 0.84 / max(1, len(rows))
    for place, name in enumerate(names):
        for index, (row, look) in enumerate(rows.items()):
            summary = found.summary(row, name)
            if summary is None:
                continue
            middle = place + (index - (len(rows) - 1) / 2) * width
            axis.bar(middle, summary.mean, width, **look.bar())
            if summary.low is not None and summary.n >= FEWEST:
                draw_interval(axis, middle, summary.low, summary.high, (0.0, 100.0), color="black", lw=1.0)
            seeds = list(found.values[row][name].values())
            axis.plot([middle] * len(seeds), seeds, "o", ms=2.2, mfc="white", mec="black", mew=0.5, zorder=5)
        floor = found.floors.get(name)
        if floor is not None:
            axis.plot([place - 0.47, place + 0.47], [floor, floor], color="black", ls=DASHES[2], lw=1.6, zorder=6)
    name_ticks(axis, [_below(name) for name in names], fontsize=SMALL)
    axis.set(ylim=(0, 102), xlim=(-0.6, len(names) - 0.4))
    axis.grid(axis="x", visible=False)


def _below(name: str) -> str:
    """A type's name in two lines, the modality above."""
    if name == OVERALL:
        return "all\nquestions"
    about, kind = TYPES[name]
    return f"{''.join(word[0] for word in about.split('-'))}:\n{kind}"


def _bar_legend(drawn: Mapping[str, Look]) -> list[Any]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    bars = [Patch(**look.bar(label=label)) for label, look in drawn.items()]
    seeds = Line2D([], [], ls="", marker="o", ms=3, mfc="white", mec="black", label="seeds; line: 95 %")
    return [*bars, seeds, Line2D([], [], color="black", ls=DASHES[2], label=FLOOR)]


def gains_figure(found: QuestionFindings) -> Figure:
    """Difference to the same network without IEMF, by type: ours with intervals, the published as a cross."""
    names = [*found.types, OVERALL]
    parts = [suffix for suffix in VARIANTS if suffix and any(suffix in found.variants(n) for n in found.compared)]
    with style():
        figure, (row,) = new_figure(FULL, 1.3 + 0.36 * len(names), 1, len(found.compared), sharey=True)
        for axis, network in zip(row, found.compared, strict=True):
            gains = {(s, n): found.difference(network + s, network, n) for s in parts for n in names}
            theirs = {(s, n): _printed_gain(found, network, s, n) for s in parts for n in names}
            drawn = [g.mean for g in gains.values() if g] + [value for value in theirs.values() if value is not None]
            limits = shown_range([0.0, *drawn], ends=ends_of(gains.values()))
            for place, name in enumerate(names):
                for index, suffix in enumerate(parts):
                    at = place + (index - (len(parts) - 1) / 2) * 0.22
                    color, marker = LOOKS[suffix].color, LOOKS[suffix].marker
                    if (gain := gains[suffix, name]) is not None:
                        if gain.low is not None:
                            look = {"color": color, "lw": 1.2}
                            draw_interval(axis, at, gain.low, gain.high, limits, along="x", **look)
                        axis.plot(gain.mean, at, marker, color=color, ms=4.5, mec="black", mew=0.4, zorder=4)
                    if theirs[suffix, name] is not None:
                        axis.plot(theirs[suffix, name], at, "x", color=color, ms=4, mew=1.1, zorder=3)
            axis.axvline(0, color="black", lw=0.8)
            axis.set(xlim=limits, xlabel="accuracy, difference (points)\nbetter →", title=NETWORKS[network])
        row[0].set_yticks(range(len(names)), [_below(name).replace("\n", " ") for name in names])
        row[0].set_ylim(len(names) - 0.5, -0.5)
        figure.legend(handles=_gain_legend(parts, found), loc="outside lower center", ncols=3)
        set_caption(figure, "Against the same network without IEMF", f"{found.caption}; mean and 95 % interval, paired")
    return figure


def _printed_gain(found: QuestionFindings, network: str, suffix: str, name: str) -> float | None:
    with_, without = (found.printed.get(row, {}).get(name) for row in (network + suffix, network))
    return None if with_ is None or without is None else with_ - without


def _gain_legend(parts: Sequence[str], found: QuestionFindings) -> list[Any]:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **LOOKS[suffix].line(ls="-", ms=4, label=VARIANTS[suffix])) for suffix in parts]
    if found.printed:
        handles.append(Line2D([], [], ls="", marker="x", color="#555555", ms=4, label="published, on MUSIC-AVQA"))
    return handles
