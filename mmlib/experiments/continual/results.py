"""What a run through all steps found: the accuracy matrix, what follows from it, and what was remembered.

Arrays, with S steps, K classes in units of the head:
- by protocol, `<protocol>_accuracy_matrix` (S, S) and `<protocol>_class_accuracy` (S, K), NaN before a class arrives,
  and `<protocol>_task_confusion` (S, S, S), after each step the counts of test clips by task and by predicted task;
- `task_clips` (S,), test clips of each task;
- `memory_bytes` (S,), of what was held while each step trained;
- `memory_step`, `memory_row`, `memory_class`, `memory_rank` (n,) and `memory_clip` (n,): one entry for each exemplar
  held after a step: its row of the prepared folder, its class id, its place in the class from 0, the clip's id.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mmlib.continual.memory import ExemplarMemory
from mmlib.experiments.base import Conclusion
from mmlib.experiments.continual.clips import Clips
from mmlib.experiments.continual.step import StepData, drawn_memory
from mmlib.metrics.continual import accuracy_matrix, class_accuracy_matrix, continual_metrics
from mmlib.training import Outcome


def conclude(data: StepData, outcome: Outcome) -> Conclusion:
    """Metrics and arrays of the whole run; `data` is the last step's."""
    tasks = data.clips.tasks
    bounds = tasks.boundaries
    units = [range(*bounds[task : task + 2]) for task in range(len(tasks))]
    metrics: dict[str, float | None] = {}
    arrays: dict[str, np.ndarray] = {}
    for protocol in outcome.selector.chosen:
        confusions = [stage.selector.result(protocol)["test"].arrays["confusion"] for stage in outcome.stages]
        samples = confusions[-1].sum(axis=1)  # (K,)
        hits = np.zeros((len(confusions), tasks.num_classes), dtype=np.int64)
        for step, confusion in enumerate(confusions):
            hits[step, : len(confusion)] = np.diagonal(confusion)
        matrix = accuracy_matrix(hits, samples, units)
        of_classes = class_accuracy_matrix(hits, samples, units)
        sizes = np.add.reduceat(samples, bounds[:-1])
        found = continual_metrics(matrix, sizes, of_classes)
        metrics |= {f"{protocol}/{name}": value for name, value in found.items()}
        arrays |= {f"{protocol}_accuracy_matrix": matrix, f"{protocol}_class_accuracy": of_classes}
        arrays[f"{protocol}_task_confusion"] = np.stack([by_task(confusion, bounds) for confusion in confusions])
        arrays["task_clips"] = sizes
    held = held_after_each_step(data, outcome)
    taken = bytes_while_training(data, held)
    metrics |= {f"{protocol}/memory_bytes": float(taken.max()) for protocol in outcome.selector.chosen}
    return Conclusion(metrics, arrays | {"memory_bytes": taken} | clip_by_clip(data.clips, held), notes(outcome))


def by_task(confusion: np.ndarray, bounds: Sequence[int]) -> np.ndarray:
    """Counts (S, S) of the tasks of a confusion matrix (seen, seen) of units, zero for tasks to come."""
    steps = len(bounds) - 1
    task = np.repeat(np.arange(steps), np.diff(bounds))[: len(confusion)]
    counts = np.zeros((steps, steps), dtype=np.int64)
    np.add.at(counts, (task[:, None], task[None, :]), confusion)
    return counts


def held_after_each_step(data: StepData, outcome: Outcome) -> list[ExemplarMemory | None]:
    """The memory after each step; the last one's only where its classes are told by it."""
    held = [None if state is None else ExemplarMemory.from_state(state) for state in data.held]
    last = outcome.selector.result(data.protocol)["validation"].arrays
    if "exemplars" in last:
        before = held[-1] if held else ExemplarMemory(len(last["exemplars"]))
        held.append(drawn_memory(before, last))
    return held


def bytes_while_training(data: StepData, held: Sequence[ExemplarMemory | None]) -> np.ndarray:
    """Bytes of old clips at hand in each step, (S,) int64: those of the memory, or of all old data."""
    clips = data.clips
    steps = range(len(clips.tasks))
    if data.keeps_all:
        counts = [len(clips.seen("train", step - 1)) if step else 0 for step in steps]
        return clips.clip_bytes * np.array(counts, dtype=np.int64)
    before = [None, *held][: len(clips.tasks)]
    return np.array([0 if memory is None else memory.nbytes(clips.clip_bytes) for memory in before], dtype=np.int64)


def clip_by_clip(clips: Clips, held: Sequence[ExemplarMemory | None]) -> dict[str, np.ndarray]:
    """One entry for each exemplar held after each step; nothing for a method without a memory."""
    train = clips.splits["train"]
    kept = [(step, memory) for step, memory in enumerate(held) if memory is not None]
    if not kept:
        return {}
    rows = np.concatenate([memory.rows for _, memory in kept])
    ranks = [np.arange(len(of_class)) for _, memory in kept for of_class in memory.held.values()]
    return {
        "memory_step": np.repeat([step for step, _ in kept], [len(memory) for _, memory in kept]),
        "memory_row": train.rows[rows],
        "memory_class": np.concatenate([memory.labels for _, memory in kept]),
        "memory_rank": np.concatenate(ranks),
        "memory_clip": np.asarray(train.column("id"), dtype=np.str_)[rows],
    }


def notes(outcome: Outcome) -> list[str]:
    """Time of each step in words."""
    seconds: dict[str, float] = {}
    for entry in outcome.history:
        seconds[entry["stage"]] = seconds.get(entry["stage"], 0.0) + entry["seconds"]
    return ["seconds per step: " + ", ".join(f"{value:.1f}" for value in seconds.values())]
