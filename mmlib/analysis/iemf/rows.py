"""Which rows of the plan `iemf` mean what: methods, variants, combinations, ψ, branches that are fine-tuned."""

from __future__ import annotations

from mmlib.workbook.results import Results

METHODS = {"none": "concatenation", "mslr": "MSLR", "ogm_ge": "OGM-GE", "lfm": "LFM"}
"""Row without anything of IEMF -> what it is called; `<row>-joint` adds unimodal losses, `<row>-iemf` all of IEMF."""
SPIKING = {f"snn-{method}": f"our SNN, {name}" for method, name in METHODS.items()}

FACTORS = ("unimodal losses", "scaling", "noise")
COMBINATIONS = {
    (False, False, False): "none",
    (False, False, True): "off-noise",
    (False, True, False): "off-scaling",
    (False, True, True): "off-scaling-noise",
    (True, False, False): "none-joint",
    (True, False, True): "joint-noise",
    (True, True, False): "joint-scaling",
    (True, True, True): "none-iemf",
}
"""(unimodal losses, scaling, noise) -> row, concatenation without any other modulation."""

PSI = {0.1: "psi-0.1", 0.5: "psi-0.5", 1.0: "ogm_ge-iemf", 2.0: "psi-2", 3.0: "psi-3", 5.0: "psi-5"}
PSI_BASELINE = "ogm_ge"

BRANCHES = {"scratch": "from scratch", "joint": "from OGM-GE", "iemf": "from OGM-GE with IEMF"}
"""`branch-<modality>-<key>`: how the branch that is trained alone begins."""


def top1(results: Results, row: str, protocol: str = "clean") -> dict[int, float]:
    """{seed: Top-1 in percent} of a row; empty where nothing finished or the profile has no such row."""
    found = results.rows.get(row)
    return found.values(f"{protocol}/top1") if found else {}
