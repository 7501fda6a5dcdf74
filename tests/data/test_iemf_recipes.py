"""IEMF's data of three sets, from files in the published layouts to an epoch of training by the published recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio.functional
from media_files import write_image, write_video
from PIL import Image

from mmlib.data import registry
from mmlib.data.assembly import build_views
from mmlib.data.catalogue import DATASETS
from mmlib.data.corpora import differences, write_corpus
from mmlib.data.loading import load_data
from mmlib.data.media.decode import decode_clip
from mmlib.data.media.prepare import Options
from mmlib.data.media.presets import find_media_preset
from mmlib.data.media.registered import prepare_registered
from mmlib.data.media.source import Clip
from mmlib.data.prepared import Prepared, open_prepared
from mmlib.data.randomness import Draws
from mmlib.data.transforms import IMAGENET_DEVIATION, IMAGENET_MEAN
from mmlib.errors import DataError, ParameterError
from mmlib.experiments import classification
from mmlib.experiments.classification import Parameters
from mmlib.experiments.classification.experiment import ClassificationExperiment
from mmlib.training import Group
from mmlib.workbook.plan import find_plan

PRESETS = {"cremad": "iemf", "kinetics_sounds": "iemf_kinetics", "urbansound8k_av": "iemf_urbansound"}
ONE = np.array([0])


def clip_of(folder, dataset, sound, rate, image=None, preset=None):
    """A clip as its preset stores it: `sound` (as a wav file), beside an image or, ten equal ones (Kinetics-Sounds)."""
    folder.mkdir(exist_ok=True)
    soundfile.write(folder / "a.wav", sound, rate, subtype="PCM_16")
    image = np.full((32, 32, 3), 90, np.uint8) if image is None else image
    pictures = folder / "frames" if dataset == "kinetics_sounds" else folder / "a.png"
    for path in [pictures] if pictures.suffix else [pictures / f"frame_{number}.png" for number in range(10)]:
        write_image(path, image)
    return stored(Clip("a", 0, "train", "a", folder / "a.wav", pictures), dataset, preset or PRESETS[dataset])


def stored(clip, dataset, preset):
    """What a preparation keeps of one clip, in memory."""
    decoded = decode_clip(clip, find_media_preset(preset).request)
    manifest = {"source": {"preset": preset, "sample_rate": find_media_preset(preset).request.sound.rate}}
    index = {name: np.asarray([value]) for name, value in decoded.columns.items()}
    arrays = {"waveform": decoded.sound[None], "frames": decoded.frames[None]}
    return Prepared(Path("prepared"), manifest | {"dataset": dataset, "classes": ["x"]}, index, arrays)


def loud(seconds, rate=16_000):
    """A square wave in noise, at full scale: resampling overshoots, so clamping matters."""
    rng = np.random.default_rng(0)
    time = np.arange(int(seconds * rate)) / rate
    return np.clip(0.9 * np.sign(np.sin(2 * np.pi * 300 * time)) + 0.3 * rng.standard_normal(len(time)), -1, 1)


def published_sound(path):
    """A wav file as published code hears it: float, resampled to 22,050 Hz with torchaudio's defaults."""
    sound, rate = soundfile.read(path, dtype="float32")
    return torchaudio.functional.resample(torch.from_numpy(sound), rate, 22_050)


def published_spectrogram(sound, padding="constant"):
    spectrum = torch.stft(
        sound.clamp(-1, 1),
        n_fft=512,
        hop_length=353,
        window=torch.hann_window(512, periodic=True),
        center=True,
        pad_mode=padding,
        return_complex=True,
    )
    return torch.log(spectrum.abs() + 1e-7)


def shown(prepared, **changes):
    parameters = Parameters(dataset=prepared.dataset, spectrogram="iemf", **changes)
    return build_views(prepared, parameters, training=False)


@pytest.mark.parametrize("dataset", ["cremad", "kinetics_sounds"])
@pytest.mark.parametrize("seconds", [0.4, 1.7, 5.0])
def test_three_seconds_of_sound_are_shown_as_published(tmp_path, dataset, seconds):
    """Three times over, cut to 66,150 samples, clamped, zeros at the edges: 1 x 257 x 188."""
    prepared = clip_of(tmp_path / "clip", dataset, loud(seconds), 16_000)
    values = shown(prepared)["audio"](ONE, None)
    assert values.shape == (1, 1, 257, 188)
    sound = published_sound(tmp_path / "clip" / "a.wav")
    assert sound.abs().max() > 1, "the sound must need the clamp"
    tiled = sound.repeat(3)[:66_150]
    tiled = torch.nn.functional.pad(tiled, (0, 66_150 - len(tiled)))  # still short after three times: silence follows
    torch.testing.assert_close(values[0, 0], published_spectrogram(tiled), rtol=1e-3, atol=2e-3)
    reflected = published_spectrogram(tiled, "reflect")
    assert (values[0, 0, :, 0] - reflected[:, 0]).abs().max() > 0.5, "the edges must tell zeros from reflection"


@pytest.mark.parametrize("seconds", [0.5, 4.0])
def test_urbansound_is_not_tiled_and_its_spectrogram_is_resized(tmp_path, seconds):
    """Whatever is there, without tiling: 257 x T, resized bilinearly to 128 x 128 as Pillow does."""
    prepared = clip_of(tmp_path / "clip", "urbansound8k_av", loud(seconds), 16_000)
    values = shown(prepared)["audio"](ONE, None)
    assert values.shape == (1, 1, 128, 128)
    sound = published_sound(tmp_path / "clip" / "a.wav")
    whole = published_spectrogram(sound)
    assert whole.shape == (257, len(sound) // 353 + 1)
    resized = Image.fromarray(whole.numpy(), mode="F").resize((128, 128), Image.Resampling.BILINEAR)
    np.testing.assert_allclose(values[0, 0].numpy(), np.asarray(resized), rtol=1e-3, atol=5e-3)


def test_a_test_image_of_urbansound_is_the_middle_of_256_pixels(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    prepared = clip_of(tmp_path / "clip", "urbansound8k_av", loud(0.5), 16_000, image)
    values = shown(prepared)["visual"](ONE, None)[0, :, 0].permute(1, 2, 0).numpy()  # (128, 128, 3)
    centre = image[64:192, 64:192] / 255
    np.testing.assert_allclose(values, (centre - IMAGENET_MEAN) / IMAGENET_DEVIATION, atol=1e-5)


def test_frames_1_4_and_7_of_kinetics_each_with_a_crop_of_its_own(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    prepared = clip_of(tmp_path / "clip", "kinetics_sounds", loud(0.5), 16_000, image)
    parameters = Parameters(dataset="kinetics_sounds", spectrogram="iemf", image_size=32)
    view = build_views(prepared, parameters, training=True)["visual"]
    draws = Draws(0, 0, 0, 1, ONE)
    assert view.picks(ONE, draws).tolist() == [[1, 4, 7]]
    values = view(ONE, draws)[0]  # (3, 3, 32, 32): colour, frame
    assert values.shape == (3, 3, 32, 32)
    crops = {values[:, frame].numpy().tobytes() for frame in range(3)}
    assert len(crops) == 3, "the ten frames are one picture: only the crops differ"
    tested = shown(prepared)["visual"](ONE, None)[0]
    assert tested.shape == (3, 3, 224, 224)
    assert torch.equal(tested[:, 0], tested[:, 2])


def test_the_middle_frame_of_cremad(tmp_path):
    """The second of three frames at one a second; where one image is all there is, there is no middle."""
    video = write_video(tmp_path / "a.flv", frames=75)  # frame n is grey, 20 + 2 n
    prepared = stored(Clip("a", 0, "train", "a", video, video), "cremad", "iemf")
    for pick, number in (("first", 0), ("middle", 25), ("uniform", 25)):
        values = shown(prepared, frame_pick=pick, image_size=32)["visual"](ONE, None)
        assert values.shape == (1, 3, 1, 32, 32)
        grey = (values[0, :, 0].mean(dim=(1, 2)).numpy() * IMAGENET_DEVIATION + IMAGENET_MEAN) * 255
        np.testing.assert_allclose(grey, 20 + 2 * number, atol=4)
    alone = clip_of(tmp_path / "clip", "cremad", loud(0.5), 16_000)
    with pytest.raises(DataError, match="holds one frame of each clip.*cremad from its videos"):
        shown(alone, frame_pick="middle")


def test_the_middle_of_three_frames_shown_means_nothing(tmp_path):
    prepared = clip_of(tmp_path / "clip", "kinetics_sounds", loud(0.5), 16_000)
    with pytest.raises(ParameterError, match="frames is 3: set frames = 1"):
        shown(prepared, frame_pick="middle")
    assert shown(prepared, frame_pick="middle", frames=1)["visual"].picks(ONE, None).tolist() == [[5]]


def test_sound_prepared_for_another_recipe_is_refused(tmp_path):
    prepared = clip_of(tmp_path / "clip", "kinetics_sounds", loud(0.5), 16_000, preset="ks_fbank")
    with pytest.raises(DataError, match=r"prepared as ks_fbank: 164,080 samples at 16,000 Hz.*preset=iemf_kinetics"):
        shown(prepared)


TINY = {"encoder": "small", "feature_channels": 8, "epochs": 1, "batch_size": 7, "device": "cpu", "image_size": 32}
FROZEN = {"frozen_copies": 3, "encoder": "preact_resnet18"}  # the published encoder where it costs least
SOURCES = {  # corpus in the published layout; what of the recipe is the set's own; frames shown; sentence of the check
    "cremad_finished": ("cremad", {}, 1, "train clips of 6,698 published, 6 test clips of 744 published"),
    "kinetics_sounds_finished": ("kinetics_sounds", {}, 3, "published lists: OGM-GE 14,799 and 2,597; IEMF 14,772 and"),
    "urbansound8k_av": ("urbansound8k_av", FROZEN, 1, "train clips of 6,112 published, "),
}
PUBLISHED = {
    "spectrogram": "iemf",
    "encoder": "preact_resnet18",
    "fusion": "concat",
    "optimizer": "sgd",
    "learning_rate": 0.005,
    "momentum": 0.9,
    "nesterov": True,
    "weight_decay": 0.0005,
    "decay_1d": False,
    "label_smoothing": 0.1,
    "drop_last": True,
    "epochs": 100,
    "batch_size": 32,
    "schedule": "step",
    "step_size": 70,
    "gamma": 0.1,
    "seed": 2025,
    "iemf": True,
}


@pytest.mark.parametrize("profile", PRESETS)
def test_the_published_profiles_have_the_published_recipe(profile):
    (cell,) = find_plan("iemf").cells(profile, seeds=[2025], rows=["none-iemf"])
    own = {"dataset": profile, "image_size": 128 if profile == "urbansound8k_av" else 224}
    own |= {"iemf_start": 60 if profile == "cremad" else 0, "iemf_end": 100}
    assert {name: getattr(cell.parameters, name) for name in PUBLISHED | own} == PUBLISHED | own


@pytest.mark.parametrize("corpus", SOURCES)
def test_rehearsal_of_a_published_recipe(tmp_path, corpus):
    """Files in the published layout with planted faults -> `data prepare` -> `data check` -> an epoch of training."""
    dataset, own, frames, counts = SOURCES[corpus]
    write_corpus(corpus, tmp_path / "raw", clips=8)
    settings = {"preset": PRESETS[dataset], "image_size": 48}
    folder = prepare_registered(DATASETS[dataset], tmp_path / "raw", tmp_path / "data", settings, Options(1))
    prepared = open_prepared(folder)
    assert differences(tmp_path / "raw", prepared.manifest) == []
    assert any(counts in note for note in registry.notes(folder)), registry.notes(folder)
    small = TINY | own | {"data_root": str(tmp_path / "data")}
    (cell,) = find_plan("iemf").cells(dataset, seeds=[2025], rows=["none-iemf"], overrides=small)
    parameters = cell.parameters.model_copy(update={"output": str(tmp_path / "run")})
    train = load_data(parameters)["train"]
    side = 128 if dataset == "urbansound8k_av" else None
    assert train.input_shapes == {"audio": (1, side or 257, side or 188), "visual": (3, frames, 32, 32)}
    assert len(train) % 7, "the last batch must be incomplete"
    result = classification.run(parameters)
    assert result.data_origin == "stand-in"
    assert {"paper/top1", "clean/top1", "last/top1"} <= set(result.metrics)
    assert np.isfinite([value for name, value in result.metrics.items() if name.endswith("loss")]).all()


def test_the_last_incomplete_batch_is_left_out_of_training_alone(tmp_path):
    given = {"synthetic_samples": 100, "feature_channels": 8, "batch_size": 16, "data_store": str(tmp_path / "store")}
    lengths = {}
    for drop in (False, True):
        parameters = Parameters.resolve(given | {"drop_last": drop, "output": str(tmp_path / "run")})
        loaders = ClassificationExperiment().setup(parameters, torch.device("cpu"), Group()).loaders
        lengths[drop] = {split: sum(len(batch.index) for batch in loader) for split, loader in loaders.items()}
    assert lengths[False] == {"train": 60, "validation": 15, "test": 25}
    assert lengths[True] == {"train": 48, "validation": 15, "test": 25}
