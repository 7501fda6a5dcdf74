"""A plan's results in a terminal: a line per row, mean ± standard deviation of each metric over the seeds, and n."""

from __future__ import annotations

from pathlib import Path

from mmlib.commands import screen
from mmlib.metrics.family import metric
from mmlib.parameters.base import project_root
from mmlib.report.tables import ABSENT, PROTOCOL_TITLES, metrics_of
from mmlib.statistics import mean, standard_deviation
from mmlib.workbook.claims import load_claims
from mmlib.workbook.plan import Plan
from mmlib.workbook.reference import reference_path
from mmlib.workbook.results import Results, RowResult, collect


def say_results(plan: Plan, profile: str | None, outputs: Path) -> None:
    """Print the table of a profile, of the committed reference result where nothing has run; without a profile those
    of all that have run here, and which have a reference result.

    Raises `UsageError` for an unknown profile.
    """
    reference = project_root() / "outputs" / "reference"
    kept = []
    for name in [profile] if profile else plan.profiles:
        results = collect(plan, name, outputs, reference=reference if profile else None)
        if results.records or profile:
            print()
            print(*results_lines(plan, results), sep="\n")
        elif reference_path(reference, plan.name, name).is_file():
            kept.append(name)
    if kept:
        told = f"committed reference results: {', '.join(kept)} (mmlib show {plan.name} --profile {kept[0]})"
        print()
        print(*screen.paragraph(told, screen.width()), sep="\n")


def results_lines(plan: Plan, results: Results) -> list[str]:
    """The table, what it is of, and the notes on its records."""
    columns = screen.width()
    ran = f"{len(results.records)} of {results.wanted} cells, {results.seeds_text}"
    lines = screen.paragraph(f"{results.plan} / {results.profile}, {results.profile_title}: {ran}", columns)
    if results.records:
        shown = shown_metrics(plan, results.profile)
        heads = ["row", *(head(protocol, name) for protocol, name in shown), "n", "s per cell"]
        rows = [[row.id, *entries(row, shown)] for row in results.rows.values()]
        filled = [number for number in range(len(heads)) if any(row[number] != ABSENT for row in rows)]
        rows = [[row[number] for number in filled] for row in rows]
        lines += screen.table([heads[number] for number in filled], rows, columns)
        lines += screen.paragraph("mean ± standard deviation over n seeds", columns, "  ")
    for note in results.notes:
        lines += screen.paragraph(note, columns, "  ")
    return lines


def shown_metrics(plan: Plan, profile: str) -> list[tuple[str, str]]:
    """(protocol, metric) of each column: the plan's metrics under both its protocols, its further ones under clean."""
    claims = project_root() / "notebooks" / "claims" / (plan.claims or "")
    named = plan.metrics or metrics_of(plan, load_claims(claims) if plan.claims else None)
    further = plan.profile(profile).also or plan.also
    return [(protocol, name) for name in named for protocol in plan.protocols] + [("clean", name) for name in further]


def head(protocol: str, name: str) -> str:
    """ "Top-1 %" above "best on test"."""
    known = metric(name)
    unit = f" {known.unit.symbol}" if known.unit.symbol else ""
    return f"{known.title}{unit}\n{PROTOCOL_TITLES[protocol]}"


def entries(row: RowResult, shown: list[tuple[str, str]]) -> list[str]:
    """A row's texts: each metric, n, seconds. A metric that not all seeds have says how many do."""
    texts = []
    for protocol, name in shown:
        values = list(row.values(f"{protocol}/{name}").values())
        texts.append(mean_and_spread(values, name, len(row.records)))
    seconds = row.wall_seconds()
    return [*texts, str(len(row.records) or ABSENT), ABSENT if seconds is None else f"{seconds:.0f}"]


def mean_and_spread(values: list[float], name: str, n: int) -> str:
    """ "62.1 ± 0.8"; one seed has no spread and shows none."""
    if not values:
        return ABSENT
    known, spread = metric(name), standard_deviation(values)
    text = known.number(mean(values)) + ("" if spread is None else f" ± {known.number(spread)}")
    return text if len(values) == n else f"{text} ({len(values)})"
