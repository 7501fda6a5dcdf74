"""From published files to the prepared format: every clip its own features, little memory, resuming after a kill."""

from __future__ import annotations

import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch

from mmlib.data import splits
from mmlib.data.av_cil import ave, conversion, files, vggsound100
from mmlib.data.av_cil.standin import clip_names, make_generator, save_dictionary, write_files
from mmlib.data.av_cil.synthetic import task_of_class
from mmlib.data.features.resumable import ResumableArray
from mmlib.data.loading import MAPPED_CACHE_BYTES, load_data
from mmlib.data.prepared import check_prepared, open_prepared
from mmlib.data.registry import notes, prepare, report
from mmlib.data.standins import write_standin
from mmlib.errors import DataError, ParameterError, UsageError

VISUAL = ("visual_pretrained_feature", "visual_pretrained_feature_dict.npy")


@pytest.fixture(scope="module")
def converted(tiny, tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    return open_prepared(prepare("av_cil_ave", data_root=tiny, store=store, options={"storage": "float32"}))


def rendered(published, share, channels, positions):
    generator = make_generator(published, share, channels, positions, seed=0)
    chunks = [features for _, features in generator.chunks()]
    return generator, {name: np.concatenate([chunk[name] for chunk in chunks]) for name in ("audio", "visual")}


def test_every_clip_has_its_own_features(converted):
    """The generator's arrays, which went through dictionaries, lists and ids, come out as they went in."""
    generator, features = rendered(ave.PUBLISHED, 0.02, 6, 2)
    assert check_prepared(converted.folder) == []
    assert converted.index["id"].tolist() == generator.clips.id.tolist()
    np.testing.assert_array_equal(converted.labels, generator.clips.label)
    np.testing.assert_array_equal(converted.index["split"], generator.clips.split)
    np.testing.assert_array_equal(converted.arrays["audio"], features["audio"])
    np.testing.assert_array_equal(converted.arrays["visual"], features["visual"])
    assert converted.arrays["visual"].shape[1:] == (8, 2, 6)
    source = converted.manifest["source"]
    assert source["tasks"] == [list(range(first, first + 7)) for first in (0, 7, 14, 21)]
    np.testing.assert_array_equal(converted.index["task"], converted.labels // 7)
    assert source["rounding_error"] == 0
    assert converted.origin == "stand-in"
    assert not [path for path in converted.folder.parent.iterdir() if path.suffix in (".tmp", ".partial")]


def test_an_h5_by_clip_and_its_ids(tiny_vggsound, tmp_path):
    prepared = open_prepared(prepare("av_cil_vggsound100", data_root=tiny_vggsound, store=tmp_path))
    generator, features = rendered(vggsound100.PUBLISHED, 0.0, 4, 1)
    names = clip_names(vggsound100.PUBLISHED, generator.clips)
    assert prepared.index["id"].tolist() == names.tolist()
    assert names[7] == "SYN00007_000070"
    assert prepared.index["group"][7] == "SYN00007"
    assert not prepared.index["leaky"].any()
    np.testing.assert_array_equal(prepared.arrays["visual"], features["visual"].astype(np.float16))
    assert [len(task) for task in prepared.manifest["source"]["tasks"]] == [10] * 10
    place = tiny_vggsound / "av_cil" / "VGGSound_100"
    with h5py.File(place / "visual_pretrained_feature" / "visual_features.h5") as file:
        assert (file[names[0]].shape, file[names[0]].dtype) == ((8, 4), np.dtype("f4"))


def test_float16_costs_what_is_said(tiny, tmp_path):
    folder = prepare("av_cil_ave", data_root=tiny, store=tmp_path)
    prepared = open_prepared(folder)
    _, features = rendered(ave.PUBLISHED, 0.02, 6, 2)
    rows = np.unique(np.linspace(0, len(prepared) - 1, conversion.SAMPLED).astype(int))
    exact, stored = features["visual"][rows].astype(np.float64), prepared.arrays["visual"][rows].astype(np.float64)
    error = np.sqrt(((stored - exact) ** 2).sum() / (exact**2).sum())
    assert prepared.manifest["source"]["rounding_error"] == pytest.approx(error, rel=1e-9)
    assert 1e-5 < error < 2**-11  # half of the last of eleven bits at most
    assert notes(folder)[-1] == (
        f"visual tokens: float16 ({len(prepared)}, 8, 2, 6); float16 costs a relative error of {error:.1e} per feature "
        "(root mean square)"
    )
    assert notes(folder)[0].startswith("these clips are generated, a stand-in")


def test_report_says_what_the_files_hold(tiny):
    lines = report("av_cil_ave", tiny)
    assert lines[0].startswith("these clips are generated, a stand-in")
    assert "28 classes in 4 steps, in the published order" in lines
    assert lines[-2].startswith("audio_pretrained_feature_dict.npy: float32 (")
    assert lines[-1].endswith(", 8, 2, 6)")


def test_clips_that_share_a_video_with_train_are_marked(tiny_vggsound):
    lists = files.read_lists(tiny_vggsound / "av_cil" / "VGGSound_100")
    first_test = int(np.argmax(lists.split == "test"))
    lists.id[first_test] = f"{lists.video[0]}_000290"
    np.testing.assert_array_equal(np.flatnonzero(lists.leaky), [first_test])
    under = files.Lists(["a"], np.array(["ab_cdefghij", "-_123456789"]), np.zeros(2), np.array(["train", "test"]))
    assert under.video.tolist() == ["ab_cdefghij", "-_123456789"]  # an id may hold _ and end in digits


def test_classes_of_another_set_are_refused(copy, tmp_path):
    place = copy / "av_cil" / "AVE"
    names = np.load(place / f"{files.NUMBERS}.npy", allow_pickle=True).item()
    for name in (files.NUMBERS, files.NAMES):
        content = np.load(place / f"{name}.npy", allow_pickle=True).item()
        if name == files.NUMBERS:
            content = {"Hen" if k == "Cat" else k: v for k, v in content.items()}
        else:
            content = {s: {c: "Hen" if k == "Cat" else k for c, k in part.items()} for s, part in content.items()}
        np.save(place / f"{name}.npy", content, allow_pickle=True)
    assert "Cat" in names
    with pytest.raises(DataError, match=r"'Cat' is a class of av_cil_ave, whose 28 classes .* \(2 differ\)"):
        prepare("av_cil_ave", data_root=copy, store=tmp_path / "store")
    with pytest.raises(DataError, match="is a class of av_cil_ave"):
        report("av_cil_ave", copy)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda clips: clips.pop("SYN00003"), r"lacks 1 of \d+ clips, the first is SYN00003"),
        (
            lambda clips: clips.update(SYN00003=np.ones((16, 5), np.float32)),
            r"clip SYN00003 is \(16, 5\), clip SYN00000",
        ),
        (lambda clips: clips["SYN00003"].fill(np.nan), "row 3 holds a NaN or an infinity"),
        (lambda clips: clips["SYN00003"].fill(1e6), "values beyond 65504 .* Convert with --set storage=float32"),
        (
            lambda clips: clips.update(SYN00003=np.ones((16, 6), bool)),
            r"'SYN00003' is bool \(16, 6\), expected an array",
        ),
        (lambda clips: clips.update({k: v[:9] for k, v in clips.items()}), "9 tokens a clip are no multiple of 8"),
        (lambda clips: clips.update({k: v[0] for k, v in clips.items()}), "expected numbers of shape"),
    ],
)
def test_features_that_cannot_be_right_are_refused(copy, tmp_path, change, message):
    path = copy.joinpath("av_cil", "AVE", *VISUAL)
    clips = {name: values.copy() for name, values in np.load(path, allow_pickle=True).item().items()}
    change(clips)
    np.save(path, clips, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        prepare("av_cil_ave", data_root=copy, store=tmp_path / "store")


def test_goes_on_after_a_kill(tiny, tmp_path, converted, monkeypatch, capsys):
    """Killed in the middle of the visual tokens: what was written stays, and is not read again."""
    monkeypatch.setattr("mmlib.data.features.conversion.PIECE_BYTES", 16 * 6 * 4 * 5)  # five clips at a time
    whole, appended = ResumableArray.append, []

    def append(self, rows):
        if self.path.name == "visual.npy" and self.done >= 30:
            raise KeyboardInterrupt
        whole(self, rows)

    store, options = tmp_path / "store", {"storage": "float32"}
    monkeypatch.setattr(ResumableArray, "append", append)
    with pytest.raises(KeyboardInterrupt):
        prepare("av_cil_ave", data_root=tiny, store=store, options=options)

    def counted(self, rows):
        appended.append((self.path.name, len(rows)))
        whole(self, rows)

    monkeypatch.setattr(ResumableArray, "append", counted)
    again = open_prepared(prepare("av_cil_ave", data_root=tiny, store=store, options=options), verify=True)
    assert "going on after 30 clips of an interrupted conversion" in capsys.readouterr().out
    assert {name for name, _ in appended} == {"visual.npy"}
    assert sum(count for _, count in appended) == len(converted) - 30
    np.testing.assert_array_equal(again.arrays["visual"], converted.arrays["visual"])


def test_a_dictionary_written_clip_by_clip_is_numpys(tmp_path):
    arrays = {f"clip{i}": np.full((3, 2), i, np.float32) for i in range(5)}
    save_dictionary(tmp_path / "x.npy", list(arrays), iter(arrays.values()))
    found = np.load(tmp_path / "x.npy", allow_pickle=True).item()
    assert list(found) == list(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)


def test_standin_has_the_published_shapes(tmp_path):
    folder = write_standin("av_cil_ave", tmp_path / "av_cil_ave", samples=8)
    audio = np.load(folder / "audio_pretrained_feature" / "audio_pretrained_feature_dict.npy", allow_pickle=True).item()
    assert len(audio) == 84  # of 28 classes one in each split
    assert {(values.shape, values.dtype.name) for values in audio.values()} == {((768,), "float32")}
    lines = report("av_cil_ave", tmp_path)
    assert lines[-1] == "visual_pretrained_feature_dict.npy: float32 (84, 8, 196, 768)"
    with pytest.raises(UsageError, match="already exists"):
        write_standin("av_cil_ave", folder)
    with pytest.raises(ParameterError, match="share of 1.5"):
        write_files(tmp_path / "x", ave.PUBLISHED, share=1.5)


def test_batches_are_float32_whatever_is_stored(tiny, settings):
    data = load_data(settings(dataset="av_cil_ave", data_root=str(tiny)))
    batch = data["test"][np.array([2, 0])]
    assert {name: (tuple(values.shape), values.dtype) for name, values in batch.inputs.items()} == {
        "audio": ((2, 6), torch.float32),
        "visual": ((2, 8, 2, 6), torch.float32),
    }
    assert data["train"].prepared.arrays["visual"].dtype == np.float16
    np.testing.assert_array_equal(task_of_class([[1, 0], [2]]), [0, 0, 1])


def test_large_sets_stay_on_disk_and_out_of_the_cache(tiny, settings, monkeypatch):
    asked = settings(dataset="av_cil_ave", data_root=str(tiny))
    kept = load_data(asked)["train"]
    monkeypatch.setattr(splits, "MEMORY_BYTES", 0)
    mapped = load_data(asked)["train"]
    assert isinstance(mapped.prepared.arrays["visual"], np.memmap)
    assert mapped.cache_bytes == MAPPED_CACHE_BYTES < kept.cache_bytes
    monkeypatch.setattr("mmlib.data.views.FeatureView.PIECE_BYTES", 500)  # two clips at a time
    mapped.cache_bytes = 0
    order = np.random.default_rng(0).permutation(len(mapped))
    first, second = kept[order].inputs, mapped[order].inputs
    for name in first:
        assert torch.equal(first[name], second[name])


# Resident bytes before and at most during an epoch over a set on disk, and the bytes of the set and of a batch.
READ = """
import resource, sys
from types import SimpleNamespace
from mmlib.data import splits
from mmlib.data.loader import BatchLoader
from mmlib.data.loading import load_data

splits.MEMORY_BYTES = 0
values = {"dataset": "av_cil_ave", "data_root": sys.argv[1], "data_store": sys.argv[2], "data_seed": 0}
data = load_data(SimpleNamespace(**values, split="official", feature_storage="float16"))["train"]
data.cache_bytes = 0
loader = BatchLoader(data, batch_size=8, shuffle=True, seed=0)
next(iter(loader))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10
batch = sum(values.nbytes for batch in loader for values in batch.inputs.values()) // len(loader)
print(before, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10, data.prepared.arrays["visual"].nbytes, batch)
"""


def test_reading_needs_a_batch_and_not_the_set(tmp_path):
    root, store = tmp_path / "root", tmp_path / "store"
    write_files(root / "av_cil" / "AVE", ave.PUBLISHED, share=0.05, channels=256, positions=98)
    prepare("av_cil_ave", data_root=root, store=store)
    done = subprocess.run([sys.executable, "-c", READ, str(root), str(store)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    before, peak, whole, batch = map(int, done.stdout.split())
    assert whole > 80 << 20
    assert peak - before < 4 * batch + (8 << 20)
