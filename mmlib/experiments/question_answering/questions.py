"""The questions of each split, with the sound and the pictures they are about; and clips second by second.

A prepared folder of questions holds `audio` (clips, T, C_a) and `visual` (clips, T, C_v, H, W), which questions on one
clip share, and `question` (N, L), token ids, 0 for padding; its index the columns `modality` and `type` of a question,
its source the `vocabulary`. Answers are the classes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data import registry
from mmlib.data.dataset import MultimodalDataset
from mmlib.data.other_frames import OtherFramesView, SecondView, frame_rows
from mmlib.data.prepared import SPLITS, Prepared, open_prepared
from mmlib.data.prepared_check import ITEM
from mmlib.data.splits import in_memory
from mmlib.data.views import FeatureView, ItemView, TokenView, View
from mmlib.errors import DataError
from mmlib.experiments.question_answering.parameters import Parameters

CACHE_BYTES = 256 << 20  # computed inputs kept per split: at full shape a split does not fit, and is read as it is used
DIMENSIONS = {"audio": 3, "visual": 5, "question": 2}
OTHER = "other"
"""The input that holds frames of other clips."""


def open_questions(parameters: Parameters) -> Prepared:
    """The prepared folder, in memory where it fits. Raises `DataError` where it does not hold what questions need."""
    prepared = open_prepared(Path(registry.prepare_for(parameters.located())))
    where = f"{prepared.folder}"
    for name, dimensions in DIMENSIONS.items():
        found = prepared.arrays.get(name)
        if found is None or found.ndim != dimensions:
            has = "no such array" if found is None else f"{list(found.shape)}"
            raise DataError(f"{where}: array {name!r} must have {dimensions} dimensions, and has {has}. {AGAIN}")
    audio, visual = prepared.arrays["audio"], prepared.arrays["visual"]
    if audio.shape[:2] != visual.shape[:2]:
        raise DataError(
            f"{where}: audio {list(audio.shape)} and visual {list(visual.shape)} differ in clips or seconds. {AGAIN}"
        )
    absent = [column for column in ("modality", "type") if column not in prepared.index]
    if absent or "vocabulary" not in prepared.manifest["source"]:
        raise DataError(f"{where} lacks {absent[0] if absent else 'the vocabulary in its source'}. {AGAIN}")
    for split in SPLITS:
        if not len(prepared.rows(split)):
            raise DataError(f"{where} has no {split} questions. {AGAIN}")
    return in_memory(prepared)


AGAIN = "Prepare the data again."


def clips_of(prepared: Prepared) -> np.ndarray:
    """(N,) the clip of each question, as a row of `audio` and `visual`."""
    return prepared.index[ITEM] if prepared.by_item("visual") else np.arange(len(prepared))


def load_questions(parameters: Parameters, prepared: Prepared | None = None) -> dict[str, MultimodalDataset]:
    """Questions `train`, `validation`, `test` with what the network sees; in training also frames of other clips.

    Raises `DataError`.
    """
    prepared = open_questions(parameters) if prepared is None else prepared
    splits = {}
    for split in SPLITS:
        rows = prepared.rows(split)
        views = _views(prepared, parameters.shown)
        if split == "train" and parameters.matches:
            visual, clips = prepared.arrays["visual"], clips_of(prepared)
            views[OTHER] = OtherFramesView(visual, clips, clips[rows], visual.shape[1])
        splits[split] = MultimodalDataset(prepared, rows, views, split=split, cache_bytes=CACHE_BYTES)
    return splits


def _views(prepared: Prepared, shown: tuple[str, ...]) -> dict[str, View]:
    views: dict[str, View] = {name: FeatureView(prepared.arrays[name], as_stored=name == "visual") for name in shown}
    views |= {"question": TokenView(prepared.arrays["question"], len(prepared.manifest["source"]["vocabulary"]))}
    return {
        name: ItemView(view, prepared.index[ITEM]) if prepared.by_item(name) else view for name, view in views.items()
    }


def load_seconds(parameters: Parameters, prepared: Prepared | None = None) -> dict[str, MultimodalDataset]:
    """Every second of the clips of `train` and `validation`, each with a frame of another clip of the same split.

    Published code validates on training clips; these are those of the validation questions. Raises `DataError`.
    """
    prepared = open_questions(parameters) if prepared is None else prepared
    visual, clips = prepared.arrays["visual"], clips_of(prepared)
    items, seconds = visual.shape[:2]
    splits = {}
    for split in ("train", "validation"):
        chosen = clips[_chosen_rows(prepared, split, parameters.pretrain_clips)]
        views: dict[str, View] = {
            "audio": SecondView(prepared.arrays["audio"]),
            "visual": SecondView(visual, as_stored=True),
            OTHER: OtherFramesView(visual, np.repeat(np.arange(items), seconds), chosen, 1),
        }
        splits[split] = MultimodalDataset(
            prepared,
            frame_rows(chosen, seconds),
            views,
            split=split,
            targets=np.zeros(items * seconds, np.int64),
            cache_bytes=CACHE_BYTES,
        )
    return splits


def _chosen_rows(prepared: Prepared, split: str, which: str) -> np.ndarray:
    """Questions of a split, or those of recorded clips."""
    rows = prepared.rows(split)
    if which == "all":
        return rows
    recorded = np.array([str(name).isdecimal() for name in prepared.index["group"][rows].tolist()], dtype=bool)
    if not recorded.any():
        raise DataError(
            f"{prepared.folder}: no clip of split {split} is named by digits alone, as recorded ones of MUSIC-AVQA "
            "are. Set pretrain_clips = 'all'."
        )
    return rows[recorded]
