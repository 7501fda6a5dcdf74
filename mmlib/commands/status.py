"""`mmlib status` and `mmlib run --dry-run`: a line per plan and profile, each reason once with its rows, the time left.

By cell with `-v`. All of it comes from records, content hashes and committed reference results; nothing is run.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from mmlib.commands import screen
from mmlib.commands.workbook import Request, all_plans, earlier_cells, requested, runtime_settings, survey
from mmlib.parameters.base import project_root
from mmlib.workbook.plan import find_plan
from mmlib.workbook.running.lock import lock_owner
from mmlib.workbook.state import CellState
from mmlib.workbook.times import BASES, Times, Total

STATES = ("running", "failed", "timeout", "killed", "stale", "missing", "blocked", "done")
LINES = 39
"""What fits a screen: reasons beyond are counted, unless cells are asked for."""
PROGRESS = re.compile(r", (epoch \d+ of \d+)$")


@dataclass
class Part:
    """One plan in one profile: the states of its cells and summaries, and what those that would run take."""

    plan: str
    profile: str
    states: list[CellState]
    to_run: Total

    @property
    def name(self) -> str:
        return f"{self.plan} / {self.profile}"

    @property
    def begun(self) -> bool:
        return any(state.record or state.state not in ("missing", "blocked") for state in self.states)


@dataclass
class Block:
    """What is said of one reason: of how many cells, how many reasons of that state come before it, the lines."""

    cells: int
    rank: int
    lines: list[str]


def status(plan: str | None, profile: str | None, data_root: Path | None, outputs: Path, verbose: bool = False) -> int:
    """Print states by plan and profile. Without a profile, those of which something was begun; the rest are named."""
    owner = lock_owner(outputs)
    if owner:
        print(f"a run is in progress: process {owner['pid']} on {owner['host']}")
    looking, times = survey(outputs), estimates()
    parts = []
    for each in [find_plan(plan)] if plan else all_plans(profile):
        settings = runtime_settings(each, data_root)
        for name in [profile] if profile else each.profiles:
            if profile and not plan and name not in each.profiles:
                continue
            states = looking.look(each.cells(name, overrides=settings, outputs=outputs))
            part = Part(each.name, name, states, Total())
            if profile or part.begun:
                part.states += looking.look(each.summary_cells(name, outputs))
            times.learn(part.states)
            parts.append(part)
    for part in parts:
        part.to_run = times.total(state for state in part.states if state.state not in ("done", "blocked"))
    shown = [part for part in parts if profile or part.begun]
    untouched = [part for part in parts if part not in shown]
    say(shown, untouched, verbose, reasons=plan is not None)
    return 0


def show_pending(request: Request, outputs: Path, force: bool, workers: int | None, verbose: bool = False) -> int:
    """Print which cells of a request would run, why, and how long that takes (`--dry-run`)."""
    cells, summaries = requested(request, outputs)
    states = survey(outputs).look(cells + summaries)
    times = estimates()
    times.learn(states)
    times.read(earlier_cells(request, outputs, cells))
    if force:
        states = [replace(state, state="stale", reason="--force") if state.done else state for state in states]
    total = times.total(state for state in states if state.state not in ("done", "blocked"))
    say([Part(cells[0].plan or request.plan, request.profile, states, total)], [], verbose, workers=workers)
    return 0


def estimates() -> Times:
    """Estimates that fall back on the project's reference results."""
    return Times(project_root() / "outputs" / "reference")


def say(
    parts: list[Part], untouched: list[Part], verbose: bool, reasons: bool = False, workers: int | None = None
) -> None:
    """Print it all; `reasons`: also why the untouched are blocked. Without `verbose`, at most `LINES` lines."""
    columns = screen.width()
    top = by_cell(parts) if verbose else overview(parts, columns)
    below = untouched_lines(untouched, columns, verbose or reasons)
    below += screen.paragraph(conclusion(parts, workers), columns) if parts else []
    blocks = [] if verbose else reason_blocks(parts, columns)
    shown = those_that_fit(blocks, LINES - len(top) - len(below) - 1)
    print(*top, sep="\n", end="\n" if top else "")
    for number in sorted(shown):
        print(*blocks[number].lines, sep="\n")
    if rest := [block.cells for number, block in enumerate(blocks) if number not in shown]:
        print(f"{len(rest)} more reasons, {sum(rest)} cells: see them with -v")
    print(*below, sep="\n", end="\n" if below else "")


def those_that_fit(blocks: list[Block], room: int) -> set[int]:
    """Which blocks to print in `room` lines: the first of each state, which is for most cells, then the second, ..."""
    order = sorted(range(len(blocks)), key=lambda number: (blocks[number].rank, number))
    shown: set[int] = set()
    for number in order:
        room -= len(blocks[number].lines)
        if room < 0 and shown:
            break
        shown.add(number)
    return shown


def by_cell(parts: list[Part]) -> list[str]:
    """A line per cell, with its own reason."""
    lines = []
    for part in parts:
        lines.append(f"{part.name}: {counts_text(part.states)}{to_run_text(part.to_run)}")
        for state in part.states:
            reason = "" if state.reason == "done" else f": {state.reason}"
            lines.append(f"  {state.state:<8} {state.cell.id}{reason}")
    return lines


def overview(parts: list[Part], columns: int | None) -> list[str]:
    """A line per plan and profile: how many cells are in which state, and the time of those to run."""
    if len(parts) == 1:
        (part,) = parts
        return screen.paragraph(f"{part.name}: {counts_text(part.states)}{to_run_text(part.to_run)}", columns)
    counts = {part.name: Counter(state.state for state in part.states) for part in parts}
    found = [name for name in ("done", *STATES[:-1]) if any(count[name] for count in counts.values())]
    rows = []
    for part in parts:
        numbers = [str(counts[part.name][name] or "–") for name in found]
        rows.append([part.name, str(len(part.states)), *numbers, short_time(part.to_run) or "–"])
    heads = ["", "cells", *found, "to run"]
    return screen.table(heads, rows, columns, indent="", words={len(heads) - 1}) if rows else []


def reason_blocks(parts: list[Part], columns: int | None) -> list[Block]:
    """Each reason once, with the rows it holds for: worst states first, and of a state what most cells have."""
    groups: dict[tuple[str, str], dict[str, list[tuple[CellState, str]]]] = {}
    for part in parts:
        for state in part.states:
            if state.reason != "done":
                reason, own = shared_reason(state)
                groups.setdefault((state.state, reason), {}).setdefault(part.name, []).append((state, own))
    whole = {part.name: part.states for part in parts}
    sizes = {group: sum(map(len, places.values())) for group, places in groups.items()}
    blocks: list[Block] = []
    ranks: Counter[str] = Counter()
    for state, reason in sorted(groups, key=lambda group: (STATES.index(group[0]), -sizes[group])):
        lines = screen.paragraph(f"{state}: {reason}" if reason else f"{state}:", columns)
        named = []
        for place, cells in groups[state, reason].items():
            rows = rows_text(cells, whole[place])
            named += [f"{place}: {rows[0]}", *rows[1:]] if len(parts) > 1 else rows
        lines += screen.listing(named, columns, indent="    ")
        blocks.append(Block(sizes[state, reason], ranks[state], lines))
        ranks[state] += 1
    return blocks


def shared_reason(state: CellState) -> tuple[str, str]:
    """The reason without what is of one cell alone, and that: how far it has come."""
    reason = state.reason.removeprefix(f"{state.state}: ")
    found = PROGRESS.search(reason)
    reason = reason[: found.start()] if found else reason
    return "" if state.state == "running" else reason, found[1] if found else ""


def rows_text(cells: list[tuple[CellState, str]], whole: list[CellState]) -> list[str]:
    """Rows, with the seeds where it is not all of a row; "all 16 rows" where it is everything. Summaries by name."""
    found: dict[str, list[tuple[CellState, str]]] = {}
    for state, own in cells:
        found.setdefault(state.cell.row or state.cell.id, []).append((state, own))
    size = Counter(state.cell.row or state.cell.id for state in whole)
    rows = len({state.cell.row for state in whole if state.cell.row})
    if len(cells) == len(whole) and rows > 1 and not any(own for _, own in cells):
        return [f"all {rows} rows{' and the summaries' if rows < len(found) else ''}"]
    named = []
    for row, each in found.items():
        told = [f"{state.cell.seed}{f', {own}' if own else ''}" for state, own in each]
        all_of_it = len(each) == size[row] and not any(own for _, own in each)
        seeds = ("; " if any(own for _, own in each) else " ").join(told)
        named.append(row if all_of_it else f"{row} (seed{'s' if len(each) > 1 else ''} {seeds})")
    return named


def untouched_lines(parts: list[Part], columns: int | None, reasons: bool) -> list[str]:
    """What was never run: by plan what could be, and by data set what is blocked (`reasons`: and why, once each)."""
    free: dict[str, list[str]] = {}
    blocked: dict[str, tuple[str, Counter[str]]] = {}
    for part in parts:
        for state in part.states:
            if state.state == "blocked":
                name = getattr(state.cell.parameters, "dataset", None) or part.profile
                blocked.setdefault(name, (state.reason, Counter()))[1][part.plan] += 1
        if ready := sum(state.state != "blocked" for state in part.states):
            time = time_text(part.to_run)
            free.setdefault(part.plan, []).append(f"{part.profile} ({ready} cells{f', {time}' if time else ''})")
    lines = []
    if free:
        named = [f"{plan}: {', '.join(names)}" for plan, names in free.items()]
        lines += screen.paragraph(f"never run: {'; '.join(named)}", columns)
    if blocked and not reasons:
        named = [f"{name} ({sum(uses.values())} cells)" for name, (_, uses) in blocked.items()]
        lines += screen.paragraph(f"never run, data missing (mmlib data check): {', '.join(named)}", columns)
    for name, (reason, uses) in blocked.items() if reasons else ():
        where = ", ".join(f"{number} of {plan}" for plan, number in uses.items())
        lines += screen.paragraph(f"never run, data missing: {name}, {where} cells: {reason}", columns)
    return lines


def conclusion(parts: list[Part], workers: int | None) -> str:
    """The last line: all cells together, and the time of those that would run."""
    states = [state for part in parts for state in part.states]
    total = Total()
    for part in parts:
        total.seconds += part.to_run.seconds
        total.cells += part.to_run.cells
        total.unknown += part.to_run.unknown
        total.bases += [basis for basis in part.to_run.bases if basis not in total.bases]
    if not total.cells:
        return f"{counts_text(states)}; nothing to run"
    if total.unknown == total.cells:
        return f"{counts_text(states)}; no estimate of the time: nothing like it has run yet"
    text = f"{counts_text(states)}; to run: {time_text(total)}, one cell after another"
    if workers and workers > 1:
        text += f"; about {rough(total.seconds / min(workers, total.cells))} with {workers} at once"
    return text


def counts_text(states: Iterable[CellState]) -> str:
    """ "48 cells: 40 done, 8 stale"."""
    counts = Counter(state.state for state in states)
    return f"{counts.total()} cells: {', '.join(f'{number} {name}' for name, number in sorted(counts.items()))}"


def rough(seconds: float) -> str:
    """ "45 s", "12 min", "3.4 h": an estimate in no more digits than it has."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 100 * 60 else f"{seconds / 3600:.1f} h"


def to_run_text(total: Total) -> str:
    return f"; to run: {time_text(total)}" if total.cells else ""


def short_time(total: Total) -> str:
    """ "7 min", "4.0 h (reference)": where the last line says the rest."""
    if not total.cells or total.unknown == total.cells:
        return "no estimate" if total.cells else ""
    more = "more than " if total.unknown else ""
    return f"{more}{rough(total.seconds)}{' (reference)' if 'reference' in total.bases else ''}"


def time_text(total: Total) -> str:
    """ "about 12 min, from earlier runs"; empty where nothing is to run."""
    if not total.cells:
        return ""
    if total.unknown == total.cells:
        return "no estimate"
    text = f"about {rough(total.seconds)}, {' and '.join(BASES[basis] for basis in BASES if basis in total.bases)}"
    return text + (f", without {total.unknown} cells that have no estimate" if total.unknown else "")
