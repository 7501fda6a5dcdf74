"""One question as a finished run answers it: probabilities, and where and when the network looked and listened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from mmlib.data.dataset import MultimodalDataset
from mmlib.errors import UsageError
from mmlib.experiments.classification.saved import with_weights
from mmlib.experiments.question_answering.model import build_model
from mmlib.experiments.question_answering.parameters import Parameters

if TYPE_CHECKING:
    from mmlib.experiments.finished import FinishedRun


@dataclass(frozen=True)
class Answered:
    """`text` of the question, what it is about (`modality`, `kind`), the true `answer`; `probabilities` (K,) of the
    answers `names`; by modality the weights of seconds `attention` (T,); and of AVST `picture` (T, H, W), how much it
    looks at each position in each second.
    """

    text: str
    modality: str
    kind: str
    answer: str
    names: list[str]
    probabilities: np.ndarray
    attention: dict[str, np.ndarray]
    picture: np.ndarray | None

    @property
    def given(self) -> str:
        """The most probable answer."""
        return self.names[int(self.probabilities.argmax())]


def question_text(dataset: MultimodalDataset, place: int) -> str:
    """The words of a question. Raises `UsageError` for a position that the split does not have."""
    if not 0 <= place < len(dataset):
        raise UsageError(
            f"there is no question {place}: split {dataset.split} has {len(dataset)}, counted from 0. Choose one."
        )
    if "text" in dataset.prepared.index:
        return str(dataset.column("text")[place])
    words, tokens = dataset.prepared.manifest["source"]["vocabulary"], dataset.prepared.arrays["question"]
    return " ".join(str(words[token]) for token in tokens[dataset.rows[place]].tolist() if token)


@torch.no_grad()
def answer_question(run: FinishedRun, dataset: MultimodalDataset, place: int) -> Answered:
    """Let the network that a run kept (its best epoch on validation) answer question `place` of a split, from 0.

    Raises `UsageError` for a position that the split does not have, `OutputsError` where the weights are gone.
    """
    text = question_text(dataset, place)
    parameters = Parameters(**run.parameters)
    vocabulary = len(dataset.prepared.manifest["source"]["vocabulary"])
    shapes = dataset.input_shapes
    model = with_weights(build_model(parameters, shapes, vocabulary, len(dataset.classes)), run.folder)
    output = model(dataset[place].inputs)
    picture = None if output.picture is None else output.picture[0].float().numpy()
    return Answered(
        text=text,
        modality=str(dataset.column("modality")[place]),
        kind=str(dataset.column("type")[place]),
        answer=dataset.classes[int(dataset.targets[place])],
        names=list(dataset.classes),
        probabilities=output.logits[0].float().softmax(dim=0).numpy(),
        attention={name: weights[0].float().numpy() for name, weights in output.attention.items()},
        picture=None if picture is None else picture.reshape(len(picture), *shapes["visual"][-2:]),
    )
