"""What the lists under a data root hold, beside what the published ones hold (counted on the released files)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.prepared import Prepared
from mmlib.data.voxceleb import files, lists
from mmlib.data.voxceleb.identities import is_generated

PUBLISHED_PAIRS = {
    "seen_heard_random": 18_020,
    "seen_heard_G": 18_020,
    "seen_heard_N": 17_840,
    "seen_heard_A": 18_020,
    "seen_heard_GNA": 17_380,
    "unseen_unheard_random": 30_496,
    "unseen_unheard_G": 30_496,
    "unseen_unheard_N": 28_193,
    "unseen_unheard_A": 30_496,
    "unseen_unheard_GNA": 27_280,
}
IDENTITIES = {lists.TRAIN: 901, lists.VALIDATION_CODE: 100, lists.UNSEEN: 250}
STANDIN = "these people are generated, a stand-in for VoxCeleb1: a number obtained on them says nothing of it"
PUBLISHED_PEOPLE = "1,251 people, 690 male, of 35 nationalities"
SETS = {lists.TRAIN: "train", lists.VALIDATION_CODE: "validation", lists.UNSEEN: "unseen-unheard"}


def report(root: Path) -> list[str]:
    """Identities, people and every list that is there, one sentence each. Raises `DataError` (malformed)."""
    folder, said = files.find_folder(root), []
    path = files.find_file(folder, files.IDENTITIES)
    names = codes = None
    if path is not None:
        names, codes = lists.read_identities(path)
        counts = [f"{int(np.sum(codes == code))} {SETS[code]} (published {n})" for code, n in IDENTITIES.items()]
        said.append(f"{path.name}: identities {', '.join(counts)}")
        said += [STANDIN] if is_generated(names) else []
    meta = _meta(root)
    if meta:
        male = sum(person["Gender"] == "m" for person in meta.values())
        nations = len({person["Nationality"] for person in meta.values()})
        found = f"{len(meta):,} people, {male} male, of {nations} nationalities"
        said.append(f"{files.META}: {found} (published: {PUBLISHED_PEOPLE})")
    for name, file in lists.PAIR_LISTS.items():
        path = files.find_file(folder, file)
        if path is not None:
            said.append(_describe(name, lists.read_pairs(path), names, meta))
    return said


def _meta(root: Path) -> dict[str, dict[str, str]]:
    places = (files.find_folder(root) / files.META, root / "lists" / "voxceleb1" / files.META)
    found = next((path for path in places if path.is_file()), None)
    return lists.read_meta(found) if found else {}


def _describe(name: str, pairs: lists.Pairs, names: np.ndarray | None, meta: dict[str, dict[str, str]]) -> str:
    same = pairs.same
    wrong = int(np.sum(same != (np.arange(len(same)) % 2 == 0)))
    text = f"{name}: {len(same):,} pairs (published {PUBLISHED_PAIRS[name]:,}), {int(same.sum()):,} of one identity"
    text += f"; taking labels from the parity of the row would make {wrong:,} of them wrong" if wrong else ""
    if names is None or not meta:
        return text
    numbers = pairs.voice_identity[~same], pairs.face_identity[~same]
    voice, face = ([meta.get(str(names[i - 1])) if i <= len(names) else None for i in who] for who in numbers)
    known = [(v, f) for v, f in zip(voice, face, strict=True) if v and f]
    if known:
        shares = [np.mean([v[column] == f[column] for v, f in known]) for column in lists.META_COLUMNS]
        text += f"; other pairs share gender in {shares[0]:.1%}, nationality in {shares[1]:.1%}"
    return text


def notes(prepared: Prepared) -> list[str]:
    """Rows of a prepared folder by list, and what is known of its training rows, one sentence each."""
    codes = prepared.index["set_code"][prepared.index["list"] == "train"]
    who = np.unique(prepared.labels[prepared.index["list"] == "train"])
    heard = "unknown which are" if (codes == 0).any() else f"{int(np.sum(codes == lists.SEEN_HEARD)):,} are"
    said = [f"{len(codes):,} training rows of {len(who)} identities; {heard} tracks of the seen-heard test"]
    for name, count in prepared.manifest["source"]["lists"].items():
        published = PUBLISHED_PAIRS.get(name) if prepared.dataset == "voxceleb1" else None
        if name != "train":
            said.append(f"{name}: {count:,} rows" + (f" (published {published:,})" if published else ""))
    said += [STANDIN] if prepared.truth.get("standin") else []
    return said + [f"{entry['id']}: left out, {entry['reason']}" for entry in prepared.manifest["skipped"]]
