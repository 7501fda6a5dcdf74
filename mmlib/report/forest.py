"""Differences with their intervals as a table that draws them: on paper, in the dark, and on a small screen."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from mmlib.metrics.family import Metric, metric
from mmlib.report.answers import Line
from mmlib.report.assemble import Assembly
from mmlib.report.judging import Family, Label, statement_key
from mmlib.report.render import cell_html, head_html
from mmlib.report.statements import SOURCES, is_mean, more_digits, p_text, remark
from mmlib.report.tables import ABSENT
from mmlib.statistics import PairedDifference
from mmlib.workbook.verdicts import StatementVerdict

WIDTH, HEIGHT, EDGE = 150, 16, 7  # of the drawing, in its own units


def label_html(label: Label) -> str:
    """A verdict as a coloured label; hollow where it only holds unadjusted."""
    return f'<span class="label {label.slug}">{html.escape(label.text)}</span>'


def bounds(differences: Iterable[tuple[str, PairedDifference | None]]) -> dict[str, float]:
    """By unit, how far the drawings reach: all bounds, but one interval much wider than the rest does not squash it."""
    sizes: dict[str, list[float]] = {}
    for unit, one in differences:
        if one is not None:
            ends = [value for value in (one.mean, one.low, one.high) if value is not None]
            sizes.setdefault(unit, []).append(max(map(abs, ends)))
    found = {}
    for unit, values in sizes.items():
        ordered = sorted(values)
        typical = ordered[int(0.75 * (len(ordered) - 1))]
        found[unit] = min(ordered[-1], 2.5 * typical) or 1.0
    return found


def interval_svg(
    one: PairedDifference | None, known: Metric, bound: float, label: Label, margin: float | None = None
) -> str:
    """Mean and 95 % interval on a line whose middle is zero; right is better. What lies beyond ends in an arrow."""
    if one is None:
        return ""

    def x(value: float) -> float:
        inside = max(-1.0, min(1.0, value / bound))
        return round(WIDTH / 2 + inside * (WIDTH / 2 - EDGE), 1)

    middle, parts = HEIGHT / 2, []
    if margin is not None:
        parts.append(
            f'<rect class="margin" x="{x(-margin)}" y="1" width="{x(margin) - x(-margin):.1f}" height="{HEIGHT - 2}"/>'
        )
    parts.append(f'<path class="zero" d="M{WIDTH / 2} 0V{HEIGHT}"/>')
    told = known.difference(one.mean)
    if one.low is not None:
        told += f", 95 % interval {known.interval(one.low, one.high)}"
        parts.append(f'<path class="bar" d="M{x(one.low)} {middle}H{x(one.high)}"/>')
        if one.low < -bound:
            parts.append(f'<path class="end" d="M{EDGE} {middle - 4}L1 {middle}L{EDGE} {middle + 4}"/>')
        if one.high > bound:
            right = WIDTH - EDGE
            parts.append(f'<path class="end" d="M{right} {middle - 4}L{WIDTH - 1} {middle}L{right} {middle + 4}"/>')
    parts.append(f'<circle class="mean" cx="{x(one.mean)}" cy="{middle}" r="4"/>')
    return (
        f'<svg class="interval {label.slug}" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{html.escape(told)}">{"".join(parts)}</svg>'
    )


def scale_note(found: dict[str, float]) -> str:
    """How far the drawings reach, by unit."""
    told = [f"{bound:.3g} {unit}".strip() for unit, bound in found.items()]
    return f"Drawings reach from {' or '.join(told)} worse (left) to as much better (right); the line is no difference."


def statements_html(assembly: Assembly, family: Family) -> str:
    """Every statement of a profile: verdict, difference drawn and in words, p adjusted for all tests of the report."""
    verdicts = assembly.statements.verdicts if assembly.statements else []
    if not verdicts:
        return f"<p>{html.escape(assembly.statements.left_out_text)}</p>" if assembly.statements else ""
    reach = bounds((metric(one.metric).unit.difference, one.difference) for one in verdicts)
    heads = ["Statement", "Metric", "Verdict", "worse ← → better", "Difference, 95 % interval", "Seeds", "p",
             "p, adjusted", "Paper’s table"]  # fmt: skip
    if not any(one.printed_gain for one in verdicts):
        heads.pop()
    rows = [_statement_row(verdict, assembly, family, reach, heads) for verdict in verdicts]
    printed = dict.fromkeys(label.rpartition(" ")[0] for one in verdicts for label in one.printed_gain)
    notes = [scale_note(reach)] if reach else []
    notes.append(f"p, adjusted: for the {family.size} tests of the whole report (Holm). Paired over common seeds.")
    notes += [f"Paper’s table: the same difference in its printed numbers, {' / '.join(printed)}."] if printed else []
    if left_out := assembly.statements.left_out_text:
        notes.append(left_out)
    return table_html(f"{assembly.name}-statements", "Statements: differences between rows", heads, rows, notes)


def _statement_row(
    verdict: StatementVerdict, assembly: Assembly, family: Family, reach: dict[str, float], heads: Sequence[str]
) -> str:
    statement, difference, known = verdict.statement, verdict.difference, metric(verdict.metric)
    where = (assembly.plan.name, assembly.results.profile)
    label, adjusted = family.statement(verdict, *where), family.p(statement_key(verdict, *where))
    told = remark(verdict)
    said = html.escape(statement.text) + (f" ({html.escape(told)})" if told else "")
    if statement.margin is not None:
        said += f" (margin: {known.amount(statement.margin)}, two one-sided tests)"
    source = f'<small class="source">{html.escape(SOURCES[statement.source])}</small>'
    words, printed = ABSENT, ABSENT
    if difference is not None:
        words = known.difference(difference.mean)
        if difference.low is not None:
            words += f" <small>({known.interval(difference.low, difference.high)})</small>"
        words = f"<span>{words}</span>"  # one thing, on a small screen too
    if gains := verdict.printed_gain:
        printed = known.differences(list(gains.values()), more_digits(verdict))
    drawing = interval_svg(difference, known, reach.get(known.unit.difference, 1.0), label, statement.margin)
    cells = [
        (f"{known.title}{' (mean gain)' if is_mean(verdict) else ''}", "text"), (label_html(label), "verdict"),
        (drawing or ABSENT, "drawing"), (words, "words"), (str(difference.n) if difference else ABSENT, "number"),
        (p_text(verdict.p), "number"), (p_text(adjusted), "number"), (printed, "words"),
    ]  # fmt: skip
    body = "".join(cell_html(head, text, kind) for head, (text, kind) in zip(heads[1:], cells, strict=False))
    return f'<tr class="first"><th scope="row">{said} {source}</th>{body}</tr>'


def lines_html(name: str, lines: Sequence[Line], link: dict[str, str]) -> str:
    """What is said of one method, a line per data set; `link` leads from an assembly's name to its section."""
    reach = bounds((metric(line.found.metric).unit.difference, line.found.difference) for line in lines)
    heads = ["Data", "Verdict", "worse ← → better", "Difference, 95 % interval", "p, adjusted"]
    rows = []
    for line in lines:
        known, margin = metric(line.found.metric), line.found.method.margin
        drawing = interval_svg(line.found.difference, known, reach.get(known.unit.difference, 1.0), line.label, margin)
        place = f'<a href="{html.escape(link[line.assembly.name])}">{html.escape(line.place)}</a>'
        reference = " <small>committed reference</small>" if line.assembly.results.source == "reference" else ""
        cells = [
            (label_html(line.label), "verdict"), (drawing or ABSENT, "drawing"), (html.escape(line.text), "words"),
            (p_text(line.p_adjusted), "number"),
        ]  # fmt: skip
        body = "".join(cell_html(head, text, kind) for head, (text, kind) in zip(heads[1:], cells, strict=True))
        rows.append(f'<tr class="first"><th scope="row">{place}{reference}</th>{body}</tr>')
    return table_html(name, "", heads, rows, [])


def table_html(name: str, caption: str, heads: Sequence[str], rows: Sequence[str], notes: Sequence[str]) -> str:
    """Rows of cells that are HTML already, as a table."""
    titled = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
    told = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return (
        f'<figure class="table cards" id="{html.escape(name)}">{titled}<div class="scroll"><table><thead><tr>'
        f"{''.join(map(head_html, heads))}</tr></thead><tbody>\n" + "\n".join(rows) + "\n</tbody></table></div>"
        + (f'<ul class="notes">{told}</ul>' if told else "") + "</figure>"
    )  # fmt: skip
