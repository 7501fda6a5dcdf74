"""From nothing but public files, played by a server on the loopback address, to the first row of Table 1."""

import dataclasses
import io
import zipfile
from urllib.parse import urlsplit

import numpy as np
import pytest

from mmlib.commands.public_data import get, prepare_grid
from mmlib.data import av_digits
from mmlib.data.prepared import open_prepared
from mmlib.data.public.sources import GRID_SAMPLE, PUBLIC
from mmlib.data.registry import missing, prepare
from mmlib.experiments.classification import Parameters, run

CLIPS = GRID_SAMPLE[:10]


def publish(net, url, content):
    parts = urlsplit(url)
    net.files[f"/{parts.netloc}{parts.path}" + (f"%3F{parts.query.replace('=', '%3D')}" if parts.query else "")] = (
        content
    )


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, path in files.items():
            archive.writestr(name, path.read_bytes())
    return stream.getvalue()


def first_row(dataset, root, tmp_path, **more):
    """Row baseline-concat of Table 1, one epoch."""
    parameters = Parameters(
        dataset=dataset,
        data_root=str(root),
        data_store=str(tmp_path / "store"),
        output=str(tmp_path / "run"),
        fusion="concat",
        epochs=1,
        batch_size=64,
        **more,
    )
    return run(parameters)


@pytest.mark.slow
def test_av_digits(net, data_root, tmp_path, capsys):
    """As published and unchanged: the checksums of the list are those of the files."""
    names = av_digits.recording_names()
    recordings = {
        f"free-spoken-digit-dataset-1.0.10/recordings/{n}": data_root / av_digits.RECORDINGS / n for n in names
    }
    publish(net, PUBLIC["fsdd"].files[0].urls[0], zipped(recordings))
    for file in PUBLIC["mnist"].files:
        publish(net, file.urls[0], (data_root / file.path).read_bytes())
    root = tmp_path / "data"
    get("av_digits", data_root=root, mirror=net.url, everything=False)
    said = capsys.readouterr().out
    assert "then: mmlib data get" not in said
    assert f"then: mmlib run table1 --profile av_digits --data-root {root}" in said
    assert said.index("licence: CC BY-SA 4.0") < said.index("3000 files, checksums as published")
    finished = first_row("av_digits", root, tmp_path, split="speaker")
    assert sum(finished.splits.values()) == 3000
    (folder,) = (tmp_path / "store").glob("av_digits-*")
    here = open_prepared(folder)
    there = open_prepared(
        prepare("av_digits", data_root=data_root, store=tmp_path / "other", options={"split": "speaker"})
    )
    assert here.manifest["source"]["pairs_sha256"] == there.manifest["source"]["pairs_sha256"]
    for name in ("waveform", "frames"):
        np.testing.assert_array_equal(here.arrays[name], there.arrays[name])


@pytest.mark.slow
def test_grid_words(net, data_root, tmp_path, monkeypatch):
    """Ten clips in place of the thousand."""
    what = PUBLIC["grid"]
    files = []
    for file, kind, ending, folder in zip(
        what.files[:2], ("video", "align"), ("mpg", "align"), ("s1", "align"), strict=True
    ):
        content = {f"{folder}/{name}.{ending}": data_root / "grid_raw" / kind / f"{name}.{ending}" for name in CLIPS}
        publish(net, file.urls[0], zipped(content))
        members = dataclasses.replace(file.members, count=len(CLIPS), digest="", sample=())
        files.append(dataclasses.replace(file, members=members))
    monkeypatch.setitem(PUBLIC, "grid", dataclasses.replace(what, files=tuple(files)))
    root = tmp_path / "data"
    get("grid_words", data_root=root, mirror=net.url, everything=False)
    prepare_grid(root, root, 2)
    assert missing("grid_words", root) is None
    finished = first_row("grid_words", root, tmp_path)
    assert sum(finished.splits.values()) == 6 * len(CLIPS)
