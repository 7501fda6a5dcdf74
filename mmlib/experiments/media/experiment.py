"""One clip under every preset, a preparation with its skipped clips, and what the splits share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mmlib.data.assembly import build_views
from mmlib.data.catalogue import DATASETS
from mmlib.data.corpora import differences, read_planted, write_corpus
from mmlib.data.folder_report import report_lines
from mmlib.data.media.decode import COLUMNS, Decoded, decode_clip
from mmlib.data.media.prepare import Options
from mmlib.data.media.presets import PRESETS, MediaPreset
from mmlib.data.media.reasons import SkippedClip
from mmlib.data.media.registered import media_options, prepare_registered
from mmlib.data.media.source import Clip
from mmlib.data.prepared import Prepared, open_prepared
from mmlib.data.published import published_folder
from mmlib.data.registry import missing
from mmlib.data.transforms import IMAGENET_DEVIATION, IMAGENET_MEAN
from mmlib.errors import ParameterError
from mmlib.experiments import classification
from mmlib.experiments.media.parameters import Parameters

if TYPE_CHECKING:
    import pandas as pd

SIDE = 144  # pixels of the generated clip
GRID = Path("grid_raw") / "video"


@dataclass(frozen=True)
class Shown:
    """A clip under one preset, as a network sees it at test time; `problem` says why it cannot be.

    `frames` (T, H, W, 3) in [0, 1]; `spectrogram` (F, T).
    """

    preset: MediaPreset
    decoded: Decoded | None = None
    frames: np.ndarray | None = None
    spectrogram: np.ndarray | None = None
    problem: str = ""


@dataclass(frozen=True)
class MediaView:
    """What the notebook shows."""

    title: str
    shown: list[Shown]
    prepared: Prepared
    raw: Path | None

    def clip_table(self) -> pd.DataFrame:
        """Per preset: what was decoded, what is stored, what is shown."""
        import pandas as pd

        return pd.DataFrame([_row(one) for one in self.shown]).set_index("preset")

    def skipped_table(self) -> pd.DataFrame:
        """Every skipped clip with its reason; of a generated corpus, beside what was planted."""
        import pandas as pd

        columns = ["id", "split", "reason", "detail"]
        table = pd.DataFrame(self.prepared.manifest["skipped"], columns=columns)
        if self.raw is not None:
            planted = {one.id: one.what for one in read_planted(self.raw)[0]}
            table["planted"] = [planted.get(name, "") for name in table["id"]]
        return table

    def lines(self) -> list[str]:
        """The report of the prepared folder, with the verdict on the planted faults."""
        lines = report_lines(self.prepared)
        if self.raw is not None:
            wrong = differences(self.raw, self.prepared.manifest)
            lines += wrong or ["every planted fault was skipped for its reason, and nothing else was"]
        return lines


def run(parameters: Parameters) -> MediaView:
    """Decode the clip under every preset, and open or make the prepared folder."""
    parameters = parameters.located()
    clip, title = example_clip(parameters)
    shown = [show(clip, preset) for preset in PRESETS.values()]
    prepared, raw = _preparation(parameters)
    return MediaView(title, shown, prepared, raw)


def show(clip: Clip, preset: MediaPreset) -> Shown:
    """The clip through the views that training uses. Clips a preset cannot use are shown with the reason."""
    try:
        decoded = decode_clip(clip, preset.request)
    except SkippedClip as skipped:
        return Shown(preset, problem=str(skipped))
    index = {name: np.asarray([decoded.columns[name]]) for name in COLUMNS}
    manifest = {"source": {"preset": preset.name, "sample_rate": preset.request.sound.rate}, "truth": {}}
    arrays = {"waveform": decoded.sound[None], "frames": decoded.frames[None]}
    one = Prepared(Path(), manifest | {"dataset": "folder", "classes": ["clip"]}, index, arrays)
    views = build_views(one, classification.Parameters(dataset="folder"), training=False)
    seen = views["visual"](np.array([0]), None)[0].permute(1, 2, 3, 0).numpy()  # (T, H, W, 3)
    frames = np.clip(seen * np.asarray(IMAGENET_DEVIATION) + np.asarray(IMAGENET_MEAN), 0, 1)
    return Shown(preset, decoded, frames, views["audio"](np.array([0]), None)[0, 0].numpy())


def _row(one: Shown) -> dict[str, Any]:
    sound, decoded = one.preset.request.sound, one.decoded
    row = {"preset": one.preset.name, "published in": one.preset.source}
    if decoded is None:
        return row | {"decoded": one.problem}
    columns = decoded.columns
    return row | {
        "decoded": f"{columns['frames_decoded']} frames at {columns['frame_rate']:.4g}/s, "
        f"{columns['sound_samples']:,} samples at {columns['sound_rate']:,} Hz",
        "stored": f"{columns['frames']} frames, {sound.samples:,} samples at {sound.rate:,} Hz",
        "shown": f"{len(one.frames)} x {one.preset.image_size}², spectrogram {one.spectrogram.shape}",
    }


def example_clip(parameters: Parameters) -> tuple[Clip, str]:
    """A clip of grid_raw, or a generated one of 4.2 s."""
    grid = Path(parameters.data_root) / GRID if parameters.data_root else None
    if grid is not None and grid.is_dir():
        videos = sorted(grid.glob("*.mpg"))
        if parameters.clip >= len(videos):
            raise ParameterError(f"clip = {parameters.clip}: {grid} has {len(videos)} clips, counted from 0.")
        path = videos[parameters.clip]
        return Clip(path.stem, 0, "train", "s1", path, path), f"GRID, clip {path.stem}"
    raw = _corpus("vggsound", parameters, clips=4, faults=False, side=SIDE)
    path = sorted(raw.rglob("*.mp4"))[0]
    return Clip(path.stem, 0, "train", "", path, path), "a generated clip"


def _preparation(parameters: Parameters) -> tuple[Prepared, Path | None]:
    """The prepared folder of the data root, or one made of a generated corpus with planted faults."""
    name = parameters.dataset
    if parameters.data_root and missing(name, parameters.data_root) is None:
        return open_prepared(published_folder(name, Path(parameters.data_root))), None
    raw = _corpus(name, parameters, clips=8, faults=True, side=64)
    info = DATASETS[name]
    options = {"image_size": 64} if "image_size" in media_options(info) else {}
    return open_prepared(prepare_registered(info, raw, raw.parent / "prepared", options, Options())), raw


def _corpus(name: str, parameters: Parameters, **how: Any) -> Path:
    """A generated corpus in the store, written once."""
    folder = Path(parameters.data_store) / "corpora" / f"{name}-{how['side']}-{parameters.data_seed}" / "raw"
    if not (folder / "planted.json").exists():
        write_corpus(name, folder, seed=parameters.data_seed, **how)
    return folder
