"""One map of every statement against every data set, over all plans: what holds where, at a glance."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mmlib.metrics.family import Metric, metric
from mmlib.report.assemble import Assembly
from mmlib.report.judging import Family, Label, tested_of
from mmlib.report.statements import SOURCES
from mmlib.report.titles import column_name, link_to, page_name, short_title
from mmlib.statistics import PairedDifference
from mmlib.workbook.verdicts import CONTRADICTED, HOLDS, NOISE

SHOWN = (HOLDS, CONTRADICTED, NOISE)


@dataclass(frozen=True)
class Spot:
    """One statement on one data set. `note` says in what it is measured and who makes the statement."""

    assembly: Assembly
    text: str
    note: str
    known: Metric
    difference: PairedDifference
    label: Label

    @property
    def words(self) -> str:
        """ "2.8 better", in the decimals of the metric; the unit is the row's."""
        told = self.known.differences([self.difference.mean])
        return told if " " in told else f"{told} different"


@dataclass(frozen=True)
class HeatMap:
    """`profiles` are the columns; `plans` maps a plan's assemblies to its statements' spots by profile."""

    profiles: list[str]
    plans: list[tuple[Assembly, list[dict[str, Spot]]]]

    @property
    def spots(self) -> list[Spot]:
        return [spot for _, rows in self.plans for row in rows for spot in row.values()]

    def counts(self) -> list[tuple[str, Label, int]]:
        """(words, label, how many) for the legend, in the order of the colours."""
        found: dict[Label, int] = {}
        for spot in self.spots:
            found[spot.label] = found.get(spot.label, 0) + 1
        order = {"better": 0, "equal": 1, "open": 2, "worse": 3, "none": 4}
        return [
            (label.text, label, found[label])
            for label in sorted(found, key=lambda one: (order[one.kind], one.hollow, one.text))
        ]


def heat_map(assemblies: Sequence[Assembly], family: Family) -> HeatMap:
    """Statements that were tested somewhere, in their first metric; data sets on which any was."""
    profiles: list[str] = []
    plans = []
    for plan in dict.fromkeys(assembly.plan.name for assembly in assemblies):
        mine = [one for one in assemblies if one.plan.name == plan and one.results.records]
        rows: dict[str, dict[str, Spot]] = {}
        for assembly in mine:
            for name, spot in (*_statements(assembly, family), *_tested(assembly, family)):
                rows.setdefault(name, {})[assembly.results.profile] = spot
                if assembly.results.profile not in profiles:
                    profiles.append(assembly.results.profile)
        if rows:
            order = [statement.id for statement in mine[0].claims.statements_of(plan)] if mine[0].claims else list(rows)
            plans.append((mine[0], [rows[name] for name in order if name in rows]))
    return HeatMap(profiles, plans)


def _statements(assembly: Assembly, family: Family) -> Iterator[tuple[str, Spot]]:
    """(id, spot) of the statements of a plan's claims."""
    for verdict in assembly.statements.verdicts if assembly.statements else []:
        statement, known = verdict.statement, metric(verdict.metric)
        if verdict.metric != statement.metrics[0] or verdict.verdict not in SHOWN:
            continue
        source = "" if statement.source == "ours" else f" [{SOURCES[statement.source]}]"
        unit = f", {known.unit.difference}" if known.unit.difference else ""
        label = family.statement(verdict, assembly.plan.name, assembly.results.profile)
        note = f"{known.title}{unit}{source}"
        yield statement.id, Spot(assembly, statement.text, note, known, verdict.difference, label)


def _tested(assembly: Assembly, family: Family) -> Iterator[tuple[str, Spot]]:
    """(id, spot) of what the analysis of a plan without claims tests."""
    for one in tested_of(assembly):
        note = f"{one.known.title} [{SOURCES['paper']}]"
        label = family.tested(one, assembly)
        yield one.id, Spot(assembly, one.text, note, one.known, one.difference, label)


def heat_map_html(found: HeatMap) -> str:
    """The map as a table whose cells are coloured by verdict; empty where nothing was tested."""
    if not found.plans:
        return ""
    heads = "".join(f'<th scope="col"><span>{html.escape(column_name(one))}</span></th>' for one in found.profiles)
    bodies = "".join(_plan_html(assembly, rows, found.profiles) for assembly, rows in found.plans)
    legend = "".join(
        f'<li><span class="spot {label.slug}">{count}</span> {html.escape(words)}</li>'
        for words, label, count in found.counts()
    )
    return (
        f'<ul class="legend">{legend}</ul><div class="scroll"><table class="heat"><thead><tr>'
        f'<th scope="col">Statement, metric</th>{heads}</tr></thead>{bodies}</table></div>'
    )


def _plan_html(assembly: Assembly, rows: list[dict[str, Spot]], profiles: list[str]) -> str:
    title = f'<a href="{html.escape(page_name(assembly.plan))}">{html.escape(assembly.results.title)}</a>'
    lines = [f'<tr class="plan"><th scope="rowgroup" colspan="{len(profiles) + 1}">{title}</th></tr>']
    for row in rows:
        first = next(iter(row.values()))
        head = f"{html.escape(first.text)} <small>{html.escape(first.note)}</small>"
        cells = "".join(_spot_html(row.get(profile), profile) for profile in profiles)
        lines.append(f'<tr><th scope="row">{head}</th>{cells}</tr>')
    return f"<tbody>{''.join(lines)}</tbody>"


def _spot_html(spot: Spot | None, profile: str) -> str:
    if spot is None:
        return '<td class="absent"></td>'
    told = f"{short_title(spot.assembly)}, {spot.assembly.results.profile_title}: {spot.label.text}"
    return (
        f'<td data-label="{html.escape(column_name(profile))}"><a class="spot {spot.label.slug}" '
        f'href="{html.escape(link_to(spot.assembly))}" title="{html.escape(told)}">{html.escape(spot.words)}'
        f'<span class="said"> {html.escape(spot.label.text)}</span></a></td>'
    )
