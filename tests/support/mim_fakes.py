"""Made-up records of the plan `mim` with known gate gaps."""

from __future__ import annotations

import numpy as np
from claims_fakes import PROJECT, plan_results

from mmlib.workbook.plan import Plan, load_plan
from mmlib.workbook.results import Results

GAPS = {"text": 0.2, "audio": 0.0, "visual": -0.1}


def mim_plan() -> Plan:
    return load_plan(PROJECT / "notebooks" / "plans" / "mim.yaml")


def mim_results(profile="noise_steps", seeds=range(5), rows=None, noisy=tuple(GAPS)) -> Results:
    """Rows of the plan; `noisy` modalities know their noise steps. At the last epoch gaps are twice as large."""

    def metrics_of(row: str, seed: int) -> dict[str, float]:
        own = 0.01 * np.sin(7 * seed + 1)
        found = {"clean/accuracy_2": 0.7 + own + 0.05 * row.endswith("-all")}
        if row.endswith(("-nothing", "-heads")):
            return found
        for name, gap in GAPS.items():
            found[f"clean/gate_rate_{name}"] = 0.5 + own
            if name in noisy:
                for protocol, scale in (("clean", 1), ("last", 2)):
                    found[f"{protocol}/gate_gap_{name}"] = scale * gap + own
                    found[f"{protocol}/keep_gap_{name}"] = scale * gap / 2 + own
        return found

    return plan_results(mim_plan(), profile, seeds, metrics_of, rows)
