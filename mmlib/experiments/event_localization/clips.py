"""Rows of a plan compared clip by clip (`comparisons`), as sentences made of predictions. Torch is not loaded.

The table's statements are paired over seeds: they tell whether another seed would show the same on these test clips.
Here clips are resampled (whole ones: segments of a clip hang together), seeds kept: would other clips show the same?
"""

from __future__ import annotations

import numpy as np

from mmlib.analysis.arrays import read_arrays
from mmlib.metrics.family import metric
from mmlib.metrics.localisation import Interval, accuracy_difference
from mmlib.workbook.results import Results, RowResult


def clip_differences(results: Results, protocol: str = "clean") -> dict[tuple[str, str], tuple[Interval, int]]:
    """(row, other) -> difference of segment accuracy over resampled test clips, and the seeds both rows finished.

    Without the predictions of both rows (no run here, or its arrays are gone) a pair is left out.
    """
    found = {}
    for one, other in ((compared.row, compared.against) for compared in results.comparisons):
        if one not in results.rows or other not in results.rows:
            continue
        rows = [_predictions(results, results.rows[name], protocol) for name in (one, other)]
        seeds = sorted(set(rows[0]) & set(rows[1]))
        pairs = [(rows[0][seed], rows[1][seed]) for seed in seeds]
        pairs = [pair for pair in pairs if np.array_equal(pair[0][1], pair[1][1])]  # the same clips
        if not pairs:
            continue
        # Seeds side by side, (N, seeds * T): a clip is drawn with the answers of all seeds.
        said = [np.concatenate([pair[which][0] for pair in pairs], axis=1) for which in (0, 1)]
        true = np.concatenate([pair[0][1] for pair in pairs], axis=1)
        found[one, other] = accuracy_difference(said[0], said[1], true), len(pairs)
    return found


def _predictions(results: Results, row: RowResult, protocol: str) -> dict[int, tuple[np.ndarray, np.ndarray]]:
    """{seed: predicted and true labels (N, T)} of the records whose arrays lie here."""
    found = {}
    for seed, record in row.records.items():
        wanted = (f"{protocol}_predicted", "test_targets")
        stored = read_arrays(results.folders.get(record.cell_id), wanted.__contains__)
        if results.source == "runs" and len(stored) == len(wanted):
            found[seed] = stored[wanted[0]], stored[wanted[1]]
    return found


def clip_statements(results: Results, protocol: str = "clean") -> str:
    """The differences as a Markdown table, 95 % intervals, and which of them clear zero."""
    found = clip_differences(results, protocol)
    if not found:
        return "No two of these rows have predictions here: run the plan to compare them clip by clip."
    accuracy = metric("accuracy")
    lines = ["| compared | difference | 95 % interval | seeds | other clips would |", "|---|---:|---|---:|---|"]
    for compared in results.comparisons:
        if (compared.row, compared.against) not in found:
            continue
        interval, seeds = found[compared.row, compared.against]
        value, low, high = (accuracy.scale * bound for bound in (interval.value, interval.low, interval.high))
        says = "likely agree" if low > 0 or high < 0 else "perhaps not agree"
        texts = compared.text, accuracy.difference(value, 1), accuracy.interval(low, high, 1), str(seeds), says
        lines.append(f"| {' | '.join(texts)} |")
    tail = (
        f"Segment accuracy, {results.profile_title}, protocol {protocol}; 1,000 draws of test clips, the same of both."
    )
    return "\n".join([*lines, "", tail])
