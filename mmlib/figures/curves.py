"""Training curves and traces of the modulation, from the history every run leaves: mean over seeds, range as a band."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmlib.figures.style import DASHES, FULL, MARKERS, SERIES, empty, new_figure, set_title, source_text, style
from mmlib.metrics.family import metric

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.workbook.results import Results

History = dict[str, list[tuple[int, float]]]
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
    try:
        lines = (Path(folder) / "history.jsonl").read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return history
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        for name, value in entry.items() if isinstance(entry, dict) else ():
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
    """One panel per quantity, one line per row (at most seven); a band spans the seeds."""
    histories = histories_of(results)
    chosen = [row for row in (rows if rows is not None else default_rows(results)) if row in histories][: len(SERIES)]
    shown = "" if len(chosen) == len(histories) else f", {len(chosen)} of {len(histories)} rows"
    histories = {row: histories[row] for row in chosen}
    quantities = list(quantities or default_quantities(histories, headline))
    panels = max(1, len(quantities))
    columns = 2 if panels == 4 else min(3, panels)
    lines = -(-panels // columns)
    with style():
        figure, axes = new_figure(FULL, 1.0 + 1.75 * lines + 0.16 * -(-max(1, len(chosen)) // 2), lines, columns)
        flat = list(axes.flat)
        for axis, quantity in zip(flat, quantities, strict=False):
            _draw_panel(axis, quantity, histories)
        for axis in flat[len(quantities) :]:
            axis.set_axis_off()
        if not quantities:
            empty(flat[0], "no training history here")
        else:
            labels = [f"{results.rows[row].block}: {results.rows[row].label}" for row in chosen]
            figure.legend(flat[0].get_lines(), labels, loc="outside lower center", ncols=2)
        title = f"Training: mean over seeds, band from lowest to highest{shown}"
        set_title(figure, title, source_text(results))
    return figure


def default_rows(results: Results) -> list[str]:
    """The summation rows where there are several (one fusion, every method), else the first seven."""
    rows = [row for row in results.rows if row.endswith("-sum")]
    return rows if len(rows) > 1 else list(results.rows)[: len(SERIES)]


def _draw_panel(axis: Any, quantity: str, histories: Mapping[str, Sequence[History]]) -> None:
    scale = metric(quantity).scale if "/" in quantity else 1
    for index, seeds in enumerate(histories.values()):
        values = [{epoch: scale * value for epoch, value in history.get(quantity, [])} for history in seeds]
        epochs, mean, low, high = _spread(values)
        color = SERIES[index]
        axis.plot(
            epochs, mean, color=color, ls=DASHES[index], marker=MARKERS[index], ms=3.2,
            markevery=max(1, len(epochs) // 6),
        )  # fmt: skip
        axis.fill_between(epochs, low, high, color=color, alpha=0.12, lw=0)
    axis.set_title(_title(quantity))
    if "/" in quantity:
        axis.set_ylabel(metric(quantity).arrow, fontsize=7)
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
    """ "k_audio" -> "coefficient k, audio"."""
    if quantity.startswith("k_"):
        return f"coefficient k, {quantity[2:]}"
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
