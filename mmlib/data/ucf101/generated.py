"""A small generated corpus in the published layout of UCF-101: lists, pictures, flow files or videos.

A texture moves across the picture; its grain and its direction make four of the 101 classes. One clip of the lists is
not there, and one is damaged. Every number obtained on it means nothing.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mmlib.data.features.standin import write_new_folder
from mmlib.data.ucf101.flow import to_bytes
from mmlib.data.ucf101.preparation import GENERATED
from mmlib.files import write_json

ACTIONS = {"Archery": (2, 2), "Biking": (2, -2), "Diving": (8, 2), "Fencing": (8, -2)}  # grain, pixels to the right
FRAMES, HEIGHT, WIDTH = 14, 48, 64


def write_corpus(folder: str | Path, *, clips: int = 6, flow: bool = True, faults: bool = True, seed: int = 0) -> Path:
    """Write `clips` train and half as many test clips of each class below `folder`, with flow files or as videos.

    Raises `UsageError` for a folder that exists, `OutputsError`.
    """
    return write_new_folder(folder, lambda place: _write(place, clips, flow, faults, seed))


def _write(place: Path, clips: int, flow: bool, faults: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    lists = place / "ucfTrainTestlist"
    lists.mkdir()
    (lists / "classInd.txt").write_text("".join(f"{k} {name}\n" for k, name in enumerate(ACTIONS, 1)))
    for split, count, first in (("train", clips, 8), ("test", max(1, clips // 2), 1)):
        rows = []
        for number, action in enumerate(ACTIONS, 1):
            names = [f"v_{action}_g{first + k // 3:02d}_c{1 + k % 3:02d}" for k in range(count)]
            for name in names:
                _write_clip(place, name, action, flow, rng)
            rows += [f"{action}/{name}.avi" + (f" {number}" if split == "train" else "") for name in names]
        if faults and split == "train":
            rows.append("Fencing/v_Fencing_g30_c01.avi 4")  # nowhere
        (lists / f"{split}list01.txt").write_text("\n".join(rows) + "\n")
    if faults:
        below = place / "jpegs_256" / "v_Archery_g08_c02"
        damaged = sorted(below.iterdir())[1] if flow else place / "Archery" / "v_Archery_g08_c02.avi"
        damaged.write_bytes(damaged.read_bytes()[:40])
    write_json(place / GENERATED, {"generator": "mmlib.data.ucf101.generated", "seed": seed})


def _write_clip(place: Path, name: str, action: str, flow: bool, rng: np.random.Generator) -> None:
    from PIL import Image

    grain, speed = ACTIONS[action]
    room = FRAMES * abs(speed)
    texture = rng.integers(0, 256, (HEIGHT // grain + 1, (WIDTH + room) // grain + 1, 3), dtype=np.uint8)
    texture = texture.repeat(grain, axis=0).repeat(grain, axis=1)[:HEIGHT]
    left = np.arange(FRAMES) * -speed + (room if speed > 0 else 0)  # a window that goes left shows motion to the right
    frames = np.stack([texture[:, at : at + WIDTH] for at in left])
    if not flow:
        _write_video(place / action / f"{name}.avi", frames)
        return
    folders = {"jpegs_256": "", "tvl1_flow/u": "u", "tvl1_flow/v": "v"}
    for below, axis in folders.items():
        folder = place / below / name
        folder.mkdir(parents=True)
        for number in range(FRAMES if not axis else FRAMES - 1):
            moved = np.full((HEIGHT, WIDTH), speed if axis == "u" else 0.0)
            image = Image.fromarray(to_bytes(moved) if axis else frames[number])
            image.save(folder / f"frame{number + 1:06d}.jpg", quality=95)


def _write_video(path: Path, frames: np.ndarray) -> None:
    import av

    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt, stream.thread_type, stream.bit_rate = "yuv420p", "NONE", 4_000_000
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
