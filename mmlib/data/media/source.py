"""What a data set's reader gives to the preparation: the listed clips, and what is wanted of each.

A reader (one per data set, `media_source(folder, options) -> MediaSource` in the data set's module) reads lists and
looks for files. It decodes nothing and drops nothing: a row it cannot use becomes a `Clip` with a `problem`, so that
the manifest counts it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from mmlib.data.media.reasons import Reason
from mmlib.errors import DataError

Resampling = Literal["kaiser_best", "sinc_hann", "ffmpeg"]
Fit = Literal["tile3", "double", "zeros"]
FrameRule = Literal["every_second", "ten", "first", "middle", "uniform", "all"]


@dataclass(frozen=True)
class SoundRequest:
    """What is stored of a clip's sound: mono at `rate` Hz, `samples` long.

    `resampling`: `kaiser_best` (as librosa), `sinc_hann` (torchaudio's default), `ffmpeg` (its own, to 16 bit).
    `through_wav`: first to 16 kHz 16-bit PCM as `ffmpeg` writes it, then to `rate`: published pipelines that keep wav
    files in between. `fit` to the length: `tile3` (three times over, cut; zeros if still short), `double` (doubled
    until long enough, cut), `zeros` (cut, or zeros at the end). `subtract_mean`: of the whole clip, before fitting.
    """

    rate: int
    samples: int
    fit: Fit
    resampling: Resampling = "kaiser_best"
    through_wav: bool = False
    subtract_mean: bool = False
    dtype: Literal["int16", "float32"] = "float32"


@dataclass(frozen=True)
class FrameRequest:
    """What is stored of a clip's pictures: `count` frames of `size` (height, width), RGB; missing ones repeat the last.

    `rule`, by the number n of frames that *decode* (metadata is not believed): `every_second` (0, s, 2s, ... with
    s = int(frames per second)), `ten` (0 and k * (n // 10) - 1 for k = 1..9), `first`, `middle` (n // 2), `uniform`
    (centres of `count` equal parts), `all`. Pictures are resized without keeping their aspect; the index columns
    `height` and `width` keep the original size, from which random crops are drawn. `minimum`: fewer frames than that
    are `too short`.
    """

    rule: FrameRule
    count: int
    size: tuple[int, int] = (256, 256)
    minimum: int = 1


@dataclass(frozen=True)
class ClipRequest:
    """What is wanted of every clip: `sound`, `frames`, or both."""

    sound: SoundRequest | None
    frames: FrameRequest | None


@dataclass(frozen=True)
class Clip:
    """One listed clip.

    `sound`: a media file with sound. `pictures`: a video file (may be the same), an image, or a folder of images (in
    the order of their names, numbers by value). `start_s`, `end_s` cut a window out of longer media (seconds).
    `columns`: further index columns, the same names for every clip. `problem` (with `detail`): why it is skipped
    before any decoding.
    """

    id: str
    label: int
    split: str
    group: str
    sound: Path | None = None
    pictures: Path | None = None
    start_s: float | None = None
    end_s: float | None = None
    columns: Mapping[str, str | int | float | bool] = field(default_factory=dict)
    problem: Reason | None = None
    detail: str = ""

    def skipped(self, reason: Reason, detail: str) -> Clip:
        """This clip with a problem; the first one stays."""
        return self if self.problem else replace(self, problem=reason, detail=detail)


@dataclass(frozen=True)
class MediaSource:
    """A data set as its reader found it.

    `clips`: every row of its lists, in the order of the index, those with a `problem` included. `preset`: a name of
    `mmlib.data.media.presets`, which says what is wanted of every clip (`request` overrides it). `settings` and `audit`
    (what the splits share, class counts) are stored in the manifest (`source.settings`, `source.audit`): plain JSON.
    `truth` says that media are not recorded but generated; empty for recorded ones.
    """

    dataset: str
    classes: Sequence[str]
    clips: Sequence[Clip]
    preset: str
    request: ClipRequest | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    audit: Mapping[str, Any] = field(default_factory=dict)
    truth: Mapping[str, Any] = field(default_factory=dict)


def mark_duplicates(clips: Sequence[Clip]) -> list[Clip]:
    """The clips with every later one of an id marked as a duplicate."""
    first: dict[str, int] = {}
    result = []
    for row, clip in enumerate(clips, 1):
        earlier = first.setdefault(clip.id, row)
        result.append(
            clip if earlier == row else clip.skipped(Reason.DUPLICATE_ID, f"row {row} repeats the id of row {earlier}")
        )
    return result


def mark_missing(clips: Sequence[Clip]) -> list[Clip]:
    """The clips with those marked whose files are not there; a clip without any file is missing too."""
    result = []
    for clip in clips:
        absent = [path for path in dict.fromkeys((clip.sound, clip.pictures)) if path is not None and not path.exists()]
        if absent:
            clip = clip.skipped(Reason.MISSING, f"{absent[0].name} is not there")
        elif clip.sound is None and clip.pictures is None:
            clip = clip.skipped(Reason.MISSING, "no file found")
        result.append(clip)
    return result


def with_readable_names(source: MediaSource) -> MediaSource:
    """The source with every clip marked whose names are not UTF-8: no index, manifest or message could hold them.

    Raises `DataError` for a class of such a name.
    """
    for name in source.classes:
        if not _is_utf8(name):
            raise DataError(f"{source.dataset}: the name of class {_escaped(name)} is not UTF-8. Rename its folder.")
    if all(map(_has_readable_names, source.clips)):
        return source
    return replace(source, clips=[_readable(clip) for clip in source.clips])


def _has_readable_names(clip: Clip) -> bool:
    texts = (clip.id, clip.group, clip.detail, *clip.columns.values())
    return all(_is_utf8(text) for text in texts if isinstance(text, str))


def _readable(clip: Clip) -> Clip:
    if _has_readable_names(clip):
        return clip
    columns = {name: _escaped(text) if isinstance(text, str) else text for name, text in clip.columns.items()}
    texts = {"id": _escaped(clip.id), "group": _escaped(clip.group), "detail": _escaped(clip.detail)}
    return replace(clip, columns=columns, **texts).skipped(Reason.WRONG_ID_FORM, f"{texts['id']} is not UTF-8")


def _is_utf8(text: str) -> bool:
    """Whether a name is text: bytes that are no UTF-8 stand in it as half characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _escaped(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()


def check_source(source: MediaSource) -> None:
    """Raise `DataError` where a reader gave clips that cannot become an index."""
    usable = [clip for clip in source.clips if clip.problem is None]
    if not usable:
        reasons = Counter(clip.problem.value for clip in source.clips if clip.problem)
        why = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common()) or "nothing is listed"
        raise DataError(f"{source.dataset}: none of {len(source.clips)} listed clips can be used ({why}).")
    repeated = [name for name, count in Counter(clip.id for clip in usable).items() if count > 1]
    if repeated:
        raise DataError(f"{source.dataset}: the id {repeated[0]!r} is listed twice and not marked as a duplicate.")
    wrong = next((clip for clip in usable if not 0 <= clip.label < len(source.classes)), None)
    if wrong:
        raise DataError(
            f"{source.dataset}: clip {wrong.id!r} has label {wrong.label} of {len(source.classes)} classes."
        )
