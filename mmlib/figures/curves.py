"""Training curves and traces of the modulation, from the history every run leaves: mean over seeds, range as a band."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlib.analysis.histories import read_entries
from mmlib.figures.captions import set_caption
from mmlib.figures.looks import Look, looks_of
from mmlib.figures.style import FULL, NORMAL, empty, new_figure, source_text, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.results import Results

History = dict[str, list[tuple[int, float]]]
MOST = 8
"""Rows in one figure."""
SPLITS = ("train", "validation", "test")
TITLES = {
    "train/loss": "training loss (nats)",
    "lr": "learning rate",
    "rho_decoupled": "ρ (visual / audio), decoupled",
    "rho_zeta": "ρ (visual / audio), from ζ",
    "iemf_ratio": "IEMF: r (mean unimodal / fused)",
    "zeta_mean": "mean ζ",
    "zeta_sd": "spread of ζ over the batch",
}


def read_history(folder: str | Path) -> History:
    """{quantity: [(epoch, value)]} of a cell's `history.jsonl`; empty where there is none.

    A last line cut short (a run being written, or killed) is left out; other damage too.
    """
    history: History = {}
    for entry in read_entries(folder):
        for name, value in entry.items():
            if name != "epoch" and isinstance(value, int | float) and not isinstance(value, bool):
                history.setdefault(name, []).append((int(entry.get("epoch", 0)), float(value)))
    return history


def histories_of(results: Results) -> dict[str, list[History]]:
    """{row: the histories of its finished seeds}, without rows that have none."""
    found = {}
    for row in results.rows.values():
        folders = [results.folders.get(record.cell_id) for _, record in sorted(row.records.items())]
        histories = [history for folder in folders if folder and (history := read_history(folder))]
        if histories:
            found[row.id] = histories
    return found


def default_quantities(histories: Mapping[str, Sequence[History]], headline: str = "top1") -> list[str]:
    """Loss, the headline metric on validation (or the first split that has it), ratios; coefficients that ever leave 1.

    Where the headline names its own split (`eer_seen_heard`), that metric on every split that a metric is named after.
    """
    known = {name for row in histories.values() for history in row for name in history}
    measured = sorted(name for name in known if name.endswith(f"/{headline}") and not name.startswith("train/"))
    own = sorted(name for name in known if _names_its_split(name))
    kinds = [name.split("/")[1] for name in own if _own_name(name) == headline]
    wanted = ["train/loss", *sorted(measured, key=lambda name: not name.startswith("validation"))[:1]]
    wanted += [name for name in own if name.split("/")[1] in kinds]
    wanted += ["zeta_sd"]
    wanted += sorted(name for name in known if name.startswith("rho_"))
    series = [(name, values) for row in histories.values() for history in row for name, values in history.items()]
    wanted += sorted({name for name, values in series if name.startswith("k_") and any(k != 1 for _, k in values)})
    return [name for name in wanted if name in known]


def curves_figure(
    results: Results,
    rows: Sequence[str] | None = None,
    quantities: Sequence[str] | None = None,
    headline: str = "top1",
) -> Figure:
    """One panel per quantity, one line per row (at most eight); a band spans the seeds. The caption says which rows."""
    histories = histories_of(results)
    chosen = [row for row in (rows if rows is not None else results.curves) if row in histories][:MOST]
    chosen = chosen or list(histories)[:MOST]
    told = _which(results, chosen, len(histories))
    histories = {row: histories[row] for row in chosen}
    looks = looks_of([next(iter(results.rows[row].records.values())).parameters for row in chosen])
    quantities = list(quantities or default_quantities(histories, headline))
    panels = max(1, len(quantities))
    columns = 2 if panels == 4 else min(3, panels)
    lines = -(-panels // columns)
    with style():
        figure, axes = new_figure(FULL, 0.4 + 1.7 * lines + 0.16 * -(-max(1, len(chosen)) // 2), lines, columns)
        flat = list(axes.flat)
        for axis, quantity in zip(flat, quantities, strict=False):
            _draw_panel(axis, quantity, histories, looks)
        for axis in flat[len(quantities) :]:
            axis.set_axis_off()
        if not quantities:
            empty(flat[0], "no training history here")
        else:
            labels = [f"{results.rows[row].block}: {results.rows[row].label}" for row in chosen]
            figure.legend(flat[0].get_lines()[: len(chosen)], labels, loc="outside lower center", ncols=2)
            _share(dict(zip(quantities, flat, strict=False)))
            told += _without_outlier(dict(zip(quantities, flat, strict=False)), histories, labels)
        title = f"{results.title.split(':')[0]}: training, mean over seeds, band from lowest to highest"
        set_caption(figure, title, "; ".join([source_text(results), *told]))
    return figure


def _which(results: Results, chosen: Sequence[str], there: int) -> list[str]:
    """Which rows of those that left a history are drawn."""
    if len(chosen) == there:
        return []
    named = ", those that the plan names" if set(chosen) <= set(results.curves) else ""
    return [f"{len(chosen)} of {there} rows{named}"]


def _share(panels: Mapping[str, Any]) -> None:
    """Panels of one kind of quantity, such as the coefficients of all modalities, get one range."""
    kinds: dict[str, list[Any]] = {}
    for quantity, axis in panels.items():
        kinds.setdefault(_kind(quantity), []).append(axis)
    for axes in kinds.values():
        ends = [axis.get_ylim() for axis in axes]
        for axis in axes:
            axis.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def _kind(quantity: str) -> str:
    """What a panel measures: `k_audio` and `k_visual` are one kind, and so is an error on two lists."""
    for prefix in ("k_", "rho_"):
        if quantity.startswith(prefix):
            return prefix
    return quantity.partition("/")[2] or quantity


def _without_outlier(
    panels: Mapping[str, Any], histories: Mapping[str, Sequence[History]], labels: Sequence[str]
) -> list[str]:
    """Where one row's curve alone takes up most of a panel, the panel shows the others whole; says of which and how
    far that row goes.
    """
    told = []
    for quantity, axis in panels.items():
        known = metric(quantity)
        scale = known.scale if "/" in quantity else 1
        ranges = {}
        for label, seeds in zip(labels, histories.values(), strict=True):
            _, _, lowest, highest = _spread([dict(history.get(quantity, [])) for history in seeds])
            if lowest:  # of the band, which the panel is to hold as well
                ranges[label] = (scale * min(lowest), scale * max(highest))
        alone = _outlier(ranges)
        if alone is None:
            continue
        rest = [ends for label, ends in ranges.items() if label != alone]
        low, high = min(low for low, _ in rest), max(high for _, high in rest)
        room = 0.25 * (high - low)
        axis.set_ylim(low - room, high + room)
        far = max(ranges[alone], key=lambda value: abs(value - (low + high) / 2))
        told.append(f"{_title(quantity)}: {alone} leaves the panel (to {far:.3g})".replace("-", "−"))
    return told


def _outlier(ranges: Mapping[str, tuple[float, float]]) -> str | None:
    """The row without which the others would have three times the room; None where there is none, or too few rows."""
    if len(ranges) < 3:
        return None

    def span(names: Sequence[str]) -> float:
        return max(ranges[name][1] for name in names) - min(ranges[name][0] for name in names)

    whole = span(list(ranges))
    left = {name: span([other for other in ranges if other != name]) for name in ranges}
    name = min(left, key=left.__getitem__)
    return name if 0 < left[name] < whole / 3 else None


def _draw_panel(axis: Any, quantity: str, histories: Mapping[str, Sequence[History]], looks: Sequence[Look]) -> None:
    scale = metric(quantity).scale if "/" in quantity else 1
    for look, seeds in zip(looks, histories.values(), strict=True):
        values = [{epoch: scale * value for epoch, value in history.get(quantity, [])} for history in seeds]
        epochs, mean, low, high = _spread(values)
        axis.plot(epochs, mean, **look.line(ms=3.4, markevery=max(1, len(epochs) // 6)))
        axis.fill_between(epochs, low, high, color=look.color, alpha=0.12, lw=0)
    axis.set_title(_title(quantity))
    if "/" in quantity:
        axis.set_ylabel(metric(quantity).arrow, fontsize=NORMAL)
    axis.xaxis.get_major_locator().set_params(integer=True)
    axis.set_xlabel("epoch")
    axis.margins(x=0.04)


def _own_name(quantity: str) -> str:
    """ "seen_heard/eer" -> "eer_seen_heard", as records name it."""
    split, _, name = quantity.partition("/")
    return f"{name}_{split}"


def _names_its_split(quantity: str) -> bool:
    """Whether a record names this metric after its split: "seen_heard/eer", but not "validation/eer"."""
    split = quantity.partition("/")[0]
    return "/" in quantity and split not in SPLITS and metric(_own_name(quantity)).known


def _title(quantity: str) -> str:
    """ "k_audio" -> "coefficient k, audio"; `rho_audio` is its score over the mean of the others' scores."""
    if quantity.startswith("k_"):
        return f"coefficient k, {quantity[2:]}"
    if quantity.startswith("rho_") and quantity not in TITLES:
        return f"ρ ({quantity[4:]} / mean of others)"
    if quantity in TITLES or "/" not in quantity:
        return TITLES.get(quantity, quantity.replace("_", " "))
    if _names_its_split(quantity):
        return metric(_own_name(quantity)).axis
    split = quantity.split("/")[0].replace("_", " ")
    return f"{'training' if split == 'train' else split} {metric(quantity).axis}"


def _spread(seeds: Sequence[Mapping[int, float]]) -> tuple[list[int], list[float], list[float], list[float]]:
    """Mean, lowest and highest over seeds at every epoch that any seed reached; epochs count from 1."""
    epochs = sorted(set().union(*seeds)) if seeds else []
    columns = [[values[epoch] for values in seeds if epoch in values] for epoch in epochs]
    means = [sum(column) / len(column) for column in columns]
    return [epoch + 1 for epoch in epochs], means, [min(c) for c in columns], [max(c) for c in columns]
