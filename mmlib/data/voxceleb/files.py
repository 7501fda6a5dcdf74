"""The published files of VoxCeleb1 features and lists: where they lie, what is needed, what is optional."""

from __future__ import annotations

from pathlib import Path

from mmlib.data.features import layout
from mmlib.data.voxceleb import lists

MODALITIES = ("face", "voice")
TRAIN = {"face": "faceTrain", "voice": "voiceTrain"}  # feature files, without ending
IDENTITIES = "identity_splits.txt"
VOICE_CODES = "voice_set_labels.txt"
META = "vox1_meta.csv"
MATCHING = {name: f"{name}_matching_" for name in MODALITIES}  # + the number of candidates


def find_folder(root: Path) -> Path:
    """The folder of these files under a data root: its subfolder `voxceleb1`, or the root itself."""
    return layout.find_folder(root, "voxceleb1")


def find_file(folder: Path, name: str) -> Path | None:
    """A list file: in the folder itself or in `lists/`."""
    return layout.find_file(folder, name, below=("lists",))


def find_features(folder: Path, stem: str) -> Path | None:
    """A feature file: in `features/` or in the folder itself. Raises `DataError` where there is a pickle only."""
    return layout.find_features(folder, stem, below=("features",))


def list_features(folder: Path, name: str) -> dict[str, Path]:
    """The feature files of a pair list, by modality, as far as they are there."""
    stem = Path(lists.ALL_LISTS[name]).stem
    found = {modality: find_features(folder, f"{modality}_{stem}") for modality in MODALITIES}
    return {modality: path for modality, path in found.items() if path is not None}


def matching_features(folder: Path) -> dict[int, dict[str, Path]]:
    """Feature files of matching trials by number of candidates, where both modalities are there."""
    found: dict[int, dict[str, Path]] = {}
    for size in range(2, 101):
        paths = {modality: find_features(folder, f"{MATCHING[modality]}{size}") for modality in MODALITIES}
        if all(paths.values()):
            found[size] = paths
    return found


def missing(root: Path) -> str | None:
    """The first thing that is not there; None when the data can be used."""
    folder = find_folder(root)
    if find_file(folder, IDENTITIES) is None:
        return f"{folder / IDENTITIES} is missing: the set of each identity."
    for modality, stem in TRAIN.items():
        if find_features(folder, stem) is None:
            return f"{folder / 'features' / stem}.csv is missing: the {modality} features and labels for training."
    if not any(len(list_features(folder, name)) == 2 for name in lists.PAIR_LISTS):
        stem = Path(lists.PAIR_LISTS["unseen_unheard_random"]).stem
        return (
            f"{folder / 'features' / ('face_' + stem)}.csv is missing (or its voice_ counterpart): no pairs to verify."
        )
    return None


def inputs(root: Path) -> dict[str, Path]:
    """Every file a conversion reads, by its path in the folder."""
    folder = find_folder(root)
    paths = [find_file(folder, name) for name in (IDENTITIES, VOICE_CODES, META, *lists.ALL_LISTS.values())]
    paths += [find_features(folder, stem) for stem in TRAIN.values()]
    for name in lists.ALL_LISTS:
        paths += list_features(folder, name).values()
    for pair in matching_features(folder).values():
        paths += pair.values()
    return {str(path.relative_to(folder)): path for path in paths if path is not None}
