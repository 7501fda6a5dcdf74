"""Question answering by type: the numbers behind the figures of the plan `avqa`, the published beside ours."""

from __future__ import annotations

from mmlib.analysis.avqa import NETWORKS, SENSES, VARIANTS, QuestionFindings
from mmlib.metrics.family import metric
from mmlib.metrics.question_answering import ABOUT, OVERALL
from mmlib.report.render import Column, Table
from mmlib.report.tables import plus_minus


def avqa_table(found: QuestionFindings, name: str) -> Table:
    """Per row: accuracy of every type, of every modality's questions and of all; the floor as the last line."""
    digits = metric(OVERALL).unit.digits
    names = [*found.types, *(about for about in ABOUT if _anywhere(found, about)), OVERALL]
    columns = [Column("Row"), *(Column(_title(which), "number") for which in names)]
    rows, data = [], []
    for row, words in row_words().items():
        if row not in found.values:
            continue
        texts, facts = [words], {"row": row}
        for which in names:
            known, printed = found.summary(row, which), found.printed.get(row, {}).get(which)
            texts.append(plus_minus(known, metric(which), n=False))
            facts |= {
                f"{which}_{part}": getattr(known, part) if known else None for part in ("mean", "low", "high", "n")
            }
            facts[f"{which}_published"] = printed
        rows.append(texts)
        data.append(facts)
    floors = {which: found.floors.get(which) for which in names}
    if any(value is not None for value in floors.values()):
        rows.append(["floor: majority answer", *("–" if v is None else f"{v:.{digits}f}" for v in floors.values())])
        data.append({"row": "floor"} | {f"{which}_mean": value for which, value in floors.items()})
    notes = [
        "Percent; mean ± sd over seeds, epochs as chosen on validation questions. Averages of a modality and of all "
        "are over questions, as published.",
        "floor: the most frequent answer that each question, its places filled, has in training. Intervals (95 %, "
        "Student) and the published numbers, on MUSIC-AVQA, are in the CSV.",
    ]
    return Table(f"{name}-analysis", f"Accuracy by type of question – {found.caption}", columns, rows, notes, data)


def _anywhere(found: QuestionFindings, which: str) -> bool:
    return any(which in of for of in found.values.values())


def _title(which: str) -> str:
    """ "audio, counting", "all audio", "all"."""
    if which == OVERALL:
        return "all"
    if which in ABOUT:
        return f"all {ABOUT[which].lower()}"
    return metric(which).title.removeprefix("accuracy, ")


def row_words() -> dict[str, str]:
    """Row of the plan -> what it is called, in the table's order."""
    found = {row: words if row == "question" else f"question {words}" for row, words in SENSES.items()}
    del found["baseline"]
    found["mean"] = "question and both, mean over seconds"
    for network, name in NETWORKS.items():
        found |= {f"{network}{suffix}": f"{name}, {label}" for suffix, label in VARIANTS.items()}
    return found
