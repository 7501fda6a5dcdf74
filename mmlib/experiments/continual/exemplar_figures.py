"""The exemplars that a run kept: as spectrogram and frames where recordings are at hand, else as their features."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.data import grid_words
from mmlib.data.grid_words_media import read_tokens
from mmlib.experiments.training_figures import say_data
from mmlib.figures.style import FULL, empty, new_figure, style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mmlib.data.dataset import MultimodalDataset
    from mmlib.experiments.finished import FinishedRun

MOST_EXEMPLARS = 8
"""Of a class, shown as features."""
PICTURE: dict[str, Any] = {"origin": "lower", "aspect": "auto", "cmap": "cividis", "interpolation": "nearest"}


def exemplars_figure(
    run: FinishedRun, train: MultimodalDataset, data_root: str | Path = "", *, classes: int = 4, clips: int = 3
) -> Figure:
    """Clips of some classes in the memory after the last step that filled it, in the order in which it keeps them.

    Words of GRID are shown as the frozen encoder got them, sound above and mouth below, where the recordings are under
    the data root. Other sets have no recordings: a row of a picture is a clip, a column a channel.

    Args:
        run: through all steps.
        train: the clips it trained on.
        data_root: where the raw data sets are; empty for none.
        classes: at most so many, spread over all that are held.
        clips: of each class, where recordings are shown.
    """
    with style():
        if "memory_row" not in run.arrays:
            figure, ((axis,),) = new_figure(FULL, 0.5, 1, 1)
            empty(axis, f"{run.parameters['method']} keeps no exemplars")
            return figure
        step = int(run.arrays["memory_step"].max())
        held = shown_exemplars(run, step, classes)
        if has_recordings(train, data_root):
            figure = _recordings(train, Path(data_root), {label: rows[:clips] for label, rows in held.items()})
        else:
            figure = _features(train, {label: rows[:MOST_EXEMPLARS] for label, rows in held.items()})
        count = int((run.arrays["memory_step"] == step).sum())
        method = run.parameters["method"]
        say_data(figure, run, "Exemplars in memory", f"{method}, some of {count} exemplars held after step {step + 1}")
    return figure


def shown_exemplars(run: FinishedRun, step: int, classes: int) -> dict[int, np.ndarray]:
    """Rows of the prepared folder by class id, for at most so many classes, spread over all held after a step."""
    arrays = run.arrays
    inside = arrays["memory_step"] == step
    labels, rows, ranks = (arrays[f"memory_{what}"][inside] for what in ("class", "row", "rank"))
    known = list(dict.fromkeys(labels.tolist()))  # in the order in which they came
    chosen = np.unique(np.linspace(0, len(known) - 1, min(classes, len(known))).round().astype(int))
    found = {known[place]: labels == known[place] for place in chosen}
    return {label: rows[mine][np.argsort(ranks[mine])] for label, mine in found.items()}


def has_recordings(train: MultimodalDataset, data_root: str | Path) -> bool:
    """Whether the clips can be shown as sound and picture."""
    if train.prepared.dataset != "grid_words_incremental" or not str(data_root):
        return False
    return grid_words.missing(Path(data_root)) is None


def _recordings(train: MultimodalDataset, root: Path, held: dict[int, np.ndarray]) -> Figure:
    """A class in each row, a clip in each column: its log mel bands, and under them its six frames side by side."""
    read = iter(read_tokens(root, train.prepared, np.concatenate(list(held.values()))))
    found = {label: [next(read) for _ in rows] for label, rows in held.items()}
    media = [token for of_class in found.values() for token in of_class]
    low, high = min(token.bands.min() for token in media), max(token.bands.max() for token in media)
    dark, light = np.percentile(np.stack([token.pictures for token in media]), (0.5, 99.5))
    longest, columns = 1000 * max(token.seconds for token in media), max(map(len, found.values()))
    last, heights = list(found.values())[-1], [1.6, 1] * len(found)
    figure, axes = new_figure(FULL, 0.7 + 0.95 * len(found), 2 * len(found), columns, height_ratios=heights)
    figure.get_layout_engine().set(h_pad=0.02, hspace=0)
    for (label, tokens), above, below in zip(found.items(), axes[::2], axes[1::2], strict=True):
        for axis in (*above[len(tokens) :], *below):  # a strip of frames needs no axis
            axis.set_axis_off()
        for sound, mouth, token in zip(above, below, tokens, strict=False):
            extent = (0, 1000 * token.seconds, 0, len(token.bands))
            image = sound.imshow(token.bands, extent=extent, vmin=low, vmax=high, **PICTURE)
            sound.set(xlim=(0, longest), yticks=[0, len(token.bands)])
            sound.tick_params(labelbottom=tokens is last, labelleft=sound is above[0])
            sound.grid(False)
            mouth.imshow(np.concatenate(list(token.pictures), axis=1), cmap="gray", vmin=dark, vmax=light)
        above[0].set_ylabel("mel band")
        above[0].set_title(f"“{train.classes[label]}”", loc="left", pad=2)
    for sound in axes[-2]:
        sound.set_xlabel("time (ms)", labelpad=1)
    figure.colorbar(image, ax=axes.ravel().tolist(), label="ln(mel magnitude)", shrink=0.5)
    return figure


def _features(train: MultimodalDataset, held: dict[int, np.ndarray]) -> Figure:
    """A class in each column: the clips' sound vectors, and the means of their visual tokens."""
    vectors = {label: _vectors(train, rows) for label, rows in held.items()}
    figure, axes = new_figure(FULL, 3.0, 2, len(vectors))
    shown = {**PICTURE, "origin": "upper", "cmap": "RdBu"}
    for row, name in enumerate(("sound", "mean token")):
        largest = max(np.abs(found[row]).max() for found in vectors.values())
        for axis, found in zip(axes[row], vectors.values(), strict=True):
            image = axis.imshow(found[row], vmin=-largest, vmax=largest, **shown)
            axis.grid(False)
            axis.set_yticks(range(len(found[row])), [str(number + 1) for number in range(len(found[row]))])
            axis.xaxis.get_major_locator().set_params(integer=True)
        axes[row, 0].set_ylabel(f"{name}\nexemplar")
        figure.colorbar(image, ax=axes[row].tolist(), label="feature")
    for label, axis in zip(vectors, axes[0], strict=True):
        axis.set_title(train.classes[label])
    for axis in axes[1]:
        axis.set_xlabel("channel")
    return figure


def _vectors(train: MultimodalDataset, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of rows of the prepared folder, sound (n, C) and the mean over all visual tokens (n, C), float32."""
    places = np.empty(len(train.prepared), np.int64)
    places[train.rows] = np.arange(len(train.rows))
    inputs = train[places[rows]].inputs
    visual = inputs["visual"].float()  # (n, T, P, C), or their mean (n, C)
    return inputs["audio"].float().numpy(), (visual.flatten(1, -2).mean(dim=1) if visual.ndim > 2 else visual).numpy()
