"""Raw media to a prepared folder: streaming, in several processes, resumable, with nothing dropped in silence.

While it runs, everything lies in `.<folder>.preparing` beside the target: the arrays under construction, with a row for
every listed clip, and a journal. Rows are decided by the listing, not by who finishes when, so the folder is the same
byte for byte whatever the number of processes and however often it was killed. At the end the rows of skipped clips are
closed up in place, the manifest is written, and the folder is renamed to its name.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mmlib.data.media import clock, journal
from mmlib.data.media.accounts import counts_of, index_columns, listed_skips
from mmlib.data.media.compaction import close_up
from mmlib.data.media.decode import clip_to_json
from mmlib.data.media.journal import Row, Rows
from mmlib.data.media.pool import Decoders, Task
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.published import PublishedFiles
from mmlib.data.media.reasons import Reason
from mmlib.data.media.source import Clip, ClipRequest, MediaSource, check_source, with_readable_names
from mmlib.data.prepared import PreparedWriter, open_prepared
from mmlib.data.progress import Progress
from mmlib.errors import DataError, OutputsError, UsageError
from mmlib.files import content_hash, read_json, write_json, write_problem

LAYOUT = 1  # raise when the same listing and request would write other content
STATE = {"sound": "by time stamps"}  # what an interrupted preparation must agree with beside its listing


@dataclass(frozen=True)
class Options:
    """How to prepare; none of it changes what is written.

    `processes`: decoder processes (None: one per core). `seconds`: time limit of one clip. `max_skipped`: share (below
    1) or number of skipped clips from which the preparation is an error. `published`: also write the published folder
    layout there.
    """

    processes: int | None = None
    seconds: float = 10.0
    max_skipped: float | None = None
    published: Path | None = None


def prepare_media(source: MediaSource, folder: str | Path, options: Options | None = None) -> Path:
    """Prepare `source` as the prepared folder `folder`, or find it prepared; returns the folder.

    Raises `DataError` (nothing usable, too many skipped), `UsageError` (the folder holds another preparation),
    `OutputsError` (cannot be written).
    """
    folder, options = Path(folder), options or Options()
    source = with_readable_names(source)
    check_source(source)
    request = source.request or find_media_preset(source.preset).request
    listing = listing_hash(source, request)
    if _finished(folder, listing):
        return _published(folder, request, options)
    with _locked(folder):
        if _finished(folder, listing):
            return _published(folder, request, options)
        listed = [clip.problem.value for clip in source.clips if clip.problem]
        _check_skipped(source, listed, options)  # at once where the lists alone have too many
        workplace = Workplace(folder, source, request, listing)
        rows = workplace.decode(options)
        _check_skipped(source, [*listed, *(row.reason for row in rows if row.reason)], options)
        return _published(workplace.finish(rows), request, options)


def listing_hash(source: MediaSource, request: ClipRequest) -> str:
    """What decides the content of a prepared folder, besides the content of the files themselves."""
    clips = [[c.id, c.label, c.split, c.group, c.start_s, c.end_s, dict(c.columns), c.problem] for c in source.clips]
    return content_hash(
        {
            "layout": LAYOUT,
            "dataset": source.dataset,
            "classes": list(source.classes),
            "clips": clips,
            "request": asdict(request),
            "settings": dict(source.settings),
        }
    )


def _finished(folder: Path, listing: str) -> bool:
    """Whether the folder is this very preparation. Raises `UsageError` where it is another one."""
    if not folder.exists():
        return False
    try:
        done = open_prepared(folder).manifest["source"].get("listing_sha256")
    except DataError as error:
        raise UsageError(f"{folder} is in the way: {error}") from error
    if done != listing:
        raise UsageError(
            f"{folder} holds a preparation of other lists, files or settings. Delete it, or choose another --out."
        )
    shutil.rmtree(_workplace(folder), ignore_errors=True)  # killed between the last two steps
    return True


def _published(folder: Path, request: ClipRequest, options: Options) -> Path:
    """The folder. Raises `UsageError` where the published layout was asked for after clips had been decoded."""
    if options.published is not None:
        prepared, files = open_prepared(folder), PublishedFiles(options.published)
        columns = (prepared.index[name] for name in ("id", "split", "label"))
        wanted = (request.sound is not None, request.frames is not None)
        absent = sum(
            not files.holds({"split": split, "class": prepared.classes[int(label)]}, name, *wanted)
            for name, split, label in zip(*columns, strict=True)
        )
        if absent:
            raise UsageError(
                f"{folder} is prepared, but {absent} of its {len(prepared)} clips are not in {options.published}: the "
                "published layout is written while clips are decoded. Choose another --out to decode them again."
            )
    return folder


def _locked(folder: Path) -> Any:
    from filelock import FileLock

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(folder.parent / f".{folder.name}.lock")
    except OSError as error:
        raise OutputsError(f"cannot write {folder.parent}: {error.strerror}. Choose another --out.") from error


def _workplace(folder: Path) -> Path:
    return folder.parent / f".{folder.name}.preparing"


def _check_skipped(source: MediaSource, reasons: list[str], options: Options) -> None:
    """Raise `DataError` where more clips are skipped than the user accepts, or all of them."""
    allowed = options.max_skipped
    if allowed is not None and 0 < allowed < 1:
        allowed *= len(source.clips)
    if len(reasons) == len(source.clips) or (allowed is not None and len(reasons) > allowed):
        why = ", ".join(f"{count} {reason}" for reason, count in Counter(reasons).most_common())
        limit = "" if allowed is None else f" At most {int(allowed)} are accepted (--max-skipped)."
        raise DataError(
            f"{source.dataset}: {len(reasons)} of {len(source.clips)} listed clips are skipped: {why}.{limit} "
            "Mend the source, or accept more; what is decoded is kept."
        )


class Workplace:
    """The folder of a preparation under way: `state.json`, `journal.jsonl`, `folder/` with the arrays."""

    def __init__(self, folder: Path, source: MediaSource, request: ClipRequest, listing: str) -> None:
        self.target, self.source, self.request, self.listing = folder, source, request, listing
        self.place = _workplace(folder)
        self.arrays = self.place / "folder"
        self.journal = self.place / "journal.jsonl"
        # Clips with a problem are known now and get no row: what is closed up at the end is only what decoding finds.
        self.clips = [clip for clip in source.clips if clip.problem is None]
        self._open()

    def _open(self) -> None:
        state = self.place / "state.json"
        try:
            wanted = {"listing": self.listing} | STATE
            if self.place.exists() and not (state.exists() and read_json(state) == wanted):
                print(f"{self.place.name} is of other lists or settings: it is begun anew.", flush=True)
                shutil.rmtree(self.place)
            self.arrays.mkdir(parents=True, exist_ok=True)
            write_json(state, wanted)
            Rows(self.arrays, self.request).create(len(self.clips))
        except OSError as error:
            raise OutputsError(
                f"cannot write {self.place}: {write_problem(error, self.place)}. Free space or choose another --out."
            ) from error

    def decode(self, options: Options) -> list[Row]:
        """Decode what the journal does not have yet; all rows, in order, when everything is done."""
        keys = [_key(clip) for clip in self.clips]
        closing = (self.place / "closing.json").exists()
        done = self._journalled(None if closing else keys)  # rows have moved: it is too late to decode any again
        if options.published is not None and not closing:  # decoded before that was asked for
            done = {number: row for number, row in done.items() if self._is_published(row, options.published)}
        if closing or len(done) == len(self.clips):
            return [done[row] for row in range(len(self.clips))]
        progress = Progress(self.source.dataset, len(self.clips), "clips", done=len(done))
        if done:
            print(f"{self.source.dataset}: {len(done):,} clips were decoded before; they are kept.", flush=True)
        tasks = (self._task(row, key) for row, key in enumerate(keys) if row not in done)
        count = max(1, min(options.processes or os.cpu_count() or 1, len(self.clips) - len(done)))
        with Decoders(count, self._settings(options), self.place / "decoder.log") as decoders:
            for _ in decoders.work(tasks, self._died):
                progress.advance(1)
        done = self._journalled(keys)
        return [done[row] for row in range(len(self.clips))]

    def _journalled(self, keys: list[str] | None) -> dict[int, Row]:
        """What the journal has of every row; of files that are still the same, where `keys` are given."""
        rows = (row for row in journal.read(self.journal) if row.row < len(self.clips))
        return {row.row: row for row in rows if keys is None or row.key == keys[row.row]}

    def _settings(self, options: Options) -> dict[str, Any]:
        return {
            "request": asdict(self.request),
            "folder": str(self.arrays.resolve()),
            "journal": str(self.journal.resolve()),
            "seconds": options.seconds,
            "published": str(options.published.resolve()) if options.published else None,
        }

    def _task(self, row: int, key: str) -> Task:
        clip = self.clips[row]
        place = {"split": clip.split, "class": str(self.source.classes[clip.label])}
        return {"row": row, "key": key, "clip": clip_to_json(clip), "published": place}

    def _is_published(self, row: Row, published: Path) -> bool:
        clip, wanted = self.clips[row.row], self.request
        place = self._task(row.row, row.key)["published"]
        sound, frames = wanted.sound is not None, wanted.frames is not None
        return bool(row.reason) or PublishedFiles(published).holds(place, clip.id, sound, frames)

    def _died(self, task: Task, reason: Reason, detail: str) -> None:
        journal.append(self.journal, Row(task["row"], task["key"], reason=reason.value, detail=detail))

    def finish(self, rows: list[Row]) -> Path:
        """Close up the rows of skipped clips, write index and manifest, rename."""
        kept = [row for row in rows if not row.reason]
        close_up(self.place, self.arrays, Rows(self.arrays, self.request), len(rows), [row.row for row in kept])
        source, skipped = self.source, list(listed_skips(self.source, iter(rows)))
        with PreparedWriter(
            self.target, dataset=source.dataset, classes=source.classes, workplace=self.arrays
        ) as writer:
            for name in Rows(self.arrays, self.request).shapes:
                writer.adopt(name, self.arrays / f"{name}.npy")
            writer.finish(
                index=index_columns([self.clips[row.row] for row in kept], [row.columns for row in kept]),
                source=self._provenance(kept, skipped),
                counts=counts_of(source, kept, skipped),
                skipped=skipped,
                versions=decoder_versions(),
                truth=source.truth,
            )
        shutil.rmtree(self.place, ignore_errors=True)
        return self.target

    def _provenance(self, kept: list[Row], skipped: list[dict[str, str]]) -> dict[str, Any]:
        source, sound = self.source, self.request.sound
        placed = clock.noted({self.clips[row.row].id: row.columns for row in kept})
        return (
            {
                "layout": LAYOUT,
                "listing_sha256": self.listing,
                "inputs_sha256": content_hash([row.sha256 for row in kept]),
                "preset": source.preset,
                "request": asdict(self.request),
                "settings": dict(source.settings),
                "audit": dict(source.audit),
                "skipped_by_reason": dict(sorted(Counter(entry["reason"] for entry in skipped).items())),
            }
            | ({"sample_rate": sound.rate} if sound else {})
            | ({"sound_clock": placed} if placed else {})
        )


def _key(clip: Clip) -> str:
    """Changes when a file of the clip does: what was made of the old one is then decoded again."""
    parts: list[Any] = []
    for path in (clip.sound, clip.pictures):
        if path is not None and path.exists():
            status = path.stat()
            parts.append([status.st_size, status.st_mtime_ns])
    return content_hash([clip.id, clip.start_s, clip.end_s, parts])[:16]


def decoder_versions() -> dict[str, str]:
    """What decoded: PyAV, FFmpeg's libraries, torchaudio, Pillow."""
    from importlib.metadata import version

    import av

    ffmpeg = {name: ".".join(map(str, number)) for name, number in av.library_versions.items()}
    return {"av": av.__version__} | ffmpeg | {name: version(name) for name in ("torch", "torchaudio", "pillow")}
