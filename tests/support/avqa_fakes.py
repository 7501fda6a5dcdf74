"""Made-up records of the plan `avqa` with known effects."""

from __future__ import annotations

import numpy as np
from claims_fakes import PROJECT, plan_results

from mmlib.metrics.question_answering import ABOUT, OVERALL, TYPES, floor_of
from mmlib.workbook.claims import Claims, load_claims
from mmlib.workbook.plan import Plan, load_plan
from mmlib.workbook.results import Results

JOINT, WHOLE, GROUNDED = 0.01, 0.03, 0.02
"""What the unimodal losses alone and all of IEMF add to every type; what AVST adds to the baseline."""
SENSES = {"question": 0.30, "audio": 0.45, "visual": 0.50}
BASE, FLOOR = 0.60, 0.27
BOTH = ["question", "audio", "visual", "baseline", "baseline-joint", "baseline-iemf", "avst", "avst-joint", "avst-iemf"]
"""What is made up for `grid_questions`: both networks, of which its own table has one."""


def avqa_plan() -> Plan:
    return load_plan(PROJECT / "notebooks" / "plans" / "avqa.yaml")


def avqa_claims() -> Claims:
    return load_claims(PROJECT / "notebooks" / "claims" / "avqa.yaml")


def accuracy(row: str, name: str, seed: int) -> float:
    """Of a type or an average: the row's level, a hundredth more for each type in the published order, a seed's own."""
    level = SENSES.get(row, BASE + GROUNDED * row.startswith("avst"))
    level += JOINT * row.endswith("-joint") + WHOLE * ("-iemf" in row)
    place = list(TYPES).index(name) if name in TYPES else 4
    own = np.random.default_rng([seed, sum(map(ord, row))]).normal(0, 0.0005)
    return level + 0.01 * place + 0.01 * np.sin(3 * seed) + own


def avqa_results(profile="grid_questions", seeds=range(5), rows=None, classes=15) -> Results:
    """`rows`, or `BOTH`, or those of another profile, with `seeds` finished; comparative audio-visual questions are
    left out, as `grid_questions` asks none.
    """
    shown = [name for name in (OVERALL, *ABOUT, *TYPES) if name != "accuracy_audio_visual_comparative"]

    def metrics_of(row: str, seed: int) -> dict[str, float | None]:
        found = {name: accuracy(row, name, seed) for name in shown} | {"accuracy_types": accuracy(row, OVERALL, seed)}
        found |= {floor_of("majority", name): FLOOR for name in shown} | {"accuracy_constant": 0.1}
        return {f"{protocol}/{name}": value for protocol in ("clean", "last") for name, value in found.items()}

    plan = avqa_plan()
    own = BOTH if profile == "grid_questions" else plan.profile(profile).only or None
    chosen = own if rows is None else rows
    return plan_results(plan, profile, seeds, metrics_of, chosen, classes=classes)
