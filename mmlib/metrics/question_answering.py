"""How well questions are answered: in all, by type of question, by the modality that a question is about.

Published code does (MUSIC-AVQA; the same in IEMF): accuracy by type; the averages of a modality and of all questions
    are over questions, so that types with many questions weigh more.
We do: the same, and beside it the mean over types, in which all weigh alike.
"""

from __future__ import annotations

import numpy as np

TYPES = {
    "accuracy_audio_counting": ("Audio", "Counting"),
    "accuracy_audio_comparative": ("Audio", "Comparative"),
    "accuracy_visual_counting": ("Visual", "Counting"),
    "accuracy_visual_location": ("Visual", "Location"),
    "accuracy_audio_visual_existential": ("Audio-Visual", "Existential"),
    "accuracy_audio_visual_counting": ("Audio-Visual", "Counting"),
    "accuracy_audio_visual_location": ("Audio-Visual", "Location"),
    "accuracy_audio_visual_comparative": ("Audio-Visual", "Comparative"),
    "accuracy_audio_visual_temporal": ("Audio-Visual", "Temporal"),
}
"""Metric -> what such questions are about and their type, in the order of the published tables."""
ABOUT = {
    "accuracy_on_audio": "Audio",
    "accuracy_on_visual": "Visual",
    "accuracy_on_audio_visual": "Audio-Visual",
}
"""Metric -> the modality of its questions."""
OVERALL = "top1"
MEAN_OF_TYPES = "accuracy_types"


def slug(words: str) -> str:
    """ "Audio-Visual" -> "audio_visual"."""
    return words.strip().lower().replace("-", "_").replace(" ", "_")


def on_modality(modality: str) -> str:
    """The metric of all questions about a modality: `accuracy_on_audio_visual`."""
    return f"accuracy_on_{slug(modality)}"


def of_type(modality: str, kind: str) -> str:
    """The metric of a type of question: `accuracy_audio_counting`."""
    return f"accuracy_{slug(modality)}_{slug(kind)}"


def question_metrics(right: np.ndarray, modalities: np.ndarray, kinds: np.ndarray) -> dict[str, float | None]:
    """Accuracies of N questions by name: `top1` of all, `accuracy_types` their mean over types, then by modality and by
    type.

    Args:
        right: (N,) bool, or how much of each answer is right.
        modalities: (N,) what each question is about: "Audio", "Visual", "Audio-Visual".
        kinds: (N,) its type within the modality: "Counting", ...
    """
    right = np.asarray(right, dtype=np.float64)
    names = np.array([of_type(*pair) for pair in zip(modalities.tolist(), kinds.tolist(), strict=True)], dtype=np.str_)
    types = {name: float(right[names == name].mean()) for name in np.unique(names).tolist()}
    whole = {modality: float(right[modalities == modality].mean()) for modality in np.unique(modalities).tolist()}
    return {
        OVERALL: float(right.mean()) if len(right) else None,
        MEAN_OF_TYPES: float(np.mean(list(types.values()))) if types else None,
        **{on_modality(modality): value for modality, value in whole.items()},
        **types,
    }


def question_metric_names(modalities: np.ndarray, kinds: np.ndarray) -> tuple[str, ...]:
    """What `question_metrics` of questions of these modalities and types gives."""
    return tuple(question_metrics(np.ones(len(kinds)), modalities, kinds))


def question_floors(name: str, right: np.ndarray, modalities: np.ndarray, kinds: np.ndarray) -> dict[str, float | None]:
    """`question_metrics` of answers that need neither sound nor picture: `accuracy_<name>` of all questions,
    `accuracy_<name>_on_<modality>` and `accuracy_<name>_<modality>_<type>`.
    """
    found = question_metrics(right, modalities, kinds)
    return {floor_of(name, metric): value for metric, value in found.items()}


def floor_of(name: str, metric: str) -> str:
    """The floor (`constant` or `majority`) beside an accuracy: `accuracy_majority_audio_counting`."""
    rest = metric.removeprefix(OVERALL).removeprefix("accuracy_")
    return f"accuracy_{name}" + (f"_{rest}" if rest else "")
