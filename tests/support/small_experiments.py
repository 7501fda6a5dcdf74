"""A project whose plans train every experiment for seconds: notebooks with the real ones' parameters and one call."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import yaml
from toy_project import Project

SOURCE = Path(__file__).resolve().parents[2]
SHORT = {"epochs": 2}
IEMF = {"iemf": True, "iemf_apply_to": "learning_rate"}
CLASSIFICATION = {"dataset": "synthetic", "synthetic_samples": 120, "alpha": 0.8, "step_size": 2, "modulation_end": 1}

STAGED = {
    # Steps of classes, with an exemplar memory and a frozen teacher.
    "continual": ("continual", {"method": "av_cil", **IEMF, "synthetic_classes": 4, "synthetic_steps": 2}),
    # Spatial grounding is trained first, then questions.
    "pretraining": (
        "question_answering",
        {"network": "avst", "unimodal_heads": "attached", "iemf": True, "synthetic_clips": 40, "pretrain_epochs": 1},
    ),
}
OTHERS = {
    # One modality goes on alone in a second stage.
    "finetuning": (
        "classification",
        {**CLASSIFICATION, "fusion": "concat", "modulation": "ogm_ge", "finetune_modality": "audio"}
        | {"finetune_epochs": 2},
    ),
    "valuation": (
        "classification",
        {**CLASSIFICATION, "fusion": "concat", "valuation": True, "resampling": "sample", "resampling_warmup": 1},
    ),
    "simam2": (
        "classification",
        {**CLASSIFICATION, "fusion": "sum", "simam2": True, "zeta": "learned", "modulation": "decoupling_free"},
    ),
    "mim": ("sentiment", {"fusion": "product", "synthetic_samples": 90}),
    "events": ("event_localization", {"network": "psp", "simam2": True, "synthetic_clips": 40}),
    "faces": ("face_voice", {"dataset": "synthetic_faces_voices", "simam2": True}),
}
ALL = STAGED | OTHERS


def small_project(root: Path, names: Iterable[str] = ALL) -> Project:
    """The project in `root`, with a plan of one cell for each name."""
    plans = root / "notebooks" / "plans"
    plans.mkdir(parents=True)
    shutil.copy(SOURCE / "requirements.lock", root)
    for name in names:
        experiment, parameters = ALL[name]
        _thin(experiment, root / "notebooks" / f"{experiment}.ipynb")
        plan = {
            "name": name,
            "notebook": f"{experiment}.ipynb",
            "parameters": parameters | SHORT,
            "rows": [{"id": name, "label": name, "parameters": {}}],
            "profiles": {"embedded": {"kind": "embedded", "seeds": [0], "parameters": {}}},
            "summaries": [],
        }
        (plans / f"{name}.yaml").write_text(yaml.safe_dump(plan))
    kept = {name: value for name, value in os.environ.items() if name not in ("MMLIB_OUTPUTS", "CUDA_VISIBLE_DEVICES")}
    own = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "MMLIB_PROJECT": str(root), "MMLIB_TEST_PROJECT": str(root)}
    path = os.pathsep.join(filter(None, [str(SOURCE), os.environ.get("PYTHONPATH", "")]))
    return Project(root, kept | own | {"PYTHONPATH": path})


def _thin(experiment: str, target: Path) -> None:
    content = json.loads((SOURCE / "notebooks" / f"{experiment}.ipynb").read_text())
    tags = {"first-parameters", "parameters"}
    parameters = [c for c in content["cells"] if tags & set(c.get("metadata", {}).get("tags", ()))]
    call = f"from mmlib.experiments import {experiment} as task\ntask.run(task.Parameters.from_notebook(globals()))"
    code = {"cell_type": "code", "id": "run", "metadata": {}, "source": call, "execution_count": None, "outputs": []}
    target.write_text(json.dumps(content | {"cells": [*parameters, code]}))
