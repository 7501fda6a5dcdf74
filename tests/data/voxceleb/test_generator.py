"""The generator: the statistics it promises, and that rho alone decides what faces tell of unknown voices."""

from __future__ import annotations

import numpy as np
import pytest

from mmlib.data.voxceleb import lists
from mmlib.data.voxceleb.drawing import partners
from mmlib.data.voxceleb.generator import WIDE, Generator
from mmlib.data.voxceleb.synthetic import recordings, write_files
from mmlib.errors import ParameterError, UsageError


def test_features_look_like_the_published_ones():
    generator = Generator(WIDE)
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(8), 5)
    faces, voices = generator.faces(rng, who), generator.voices(rng, who)
    assert (faces.shape, voices.shape) == ((40, 4096), (40, 512))
    assert faces.dtype == voices.dtype == np.float32
    assert faces.min() == 0
    np.testing.assert_allclose(np.linalg.norm(voices, axis=1), 1, atol=1e-6)


def test_demographics_have_their_shares():
    people = Generator({"train_identities": 4000, "validation_identities": 0, "test_identities": 1000}).people
    assert np.mean(people.gender == "m") == pytest.approx(0.5, abs=0.03)
    shares = [np.mean(people.nationality == letter) for letter in "ABCDEF"]
    np.testing.assert_allclose(shares, [0.5, 0.2, 0.1, 0.1, 0.05, 0.05], atol=0.03)
    assert (people.names == np.sort(people.names)).all()
    assert [np.sum(people.set_code == code) for code in (1, 2, 4)] == [4000, 0, 1000]


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
def test_rho_is_the_share_of_the_latents_that_is_common(rho):
    generator = Generator({"rho": rho, "train_identities": 3000})
    face, voice = generator._latents["face"], generator._latents["voice"]
    np.testing.assert_array_equal(face[:, :24], voice[:, :24])
    assert np.var(face, axis=0)[:24].mean() == pytest.approx(rho, abs=0.02)
    assert np.var(face, axis=0)[24:].mean() == pytest.approx(1 - rho, abs=0.03)
    assert abs(np.mean(face[:, 24:] * voice[:, 24:])) < 0.02


def test_partners_obey_the_stratum():
    people = Generator({}).people
    for stratum, fields in (("G", ["gender"]), ("N", ["nationality"]), ("GNA", ["gender", "nationality", "age"])):
        for one, others in partners(people, stratum, lists.UNSEEN).items():
            assert one not in others
            assert (people.set_code[others] == 4).all()
            for field in fields:
                values = getattr(people, field)
                assert (values[others] == values[one]).all()


def test_a_video_belongs_to_one_set_and_one_person():
    voices, faces = recordings(Generator({}))
    for video in np.unique(voices.video):
        tracks = voices.video == video
        assert len(set(voices.code[tracks])) == len(set(voices.identity[tracks])) == 1
    assert np.sum(voices.code == lists.SEEN_HEARD) == 500
    assert (np.diff(faces.identity) >= 0).all()


def test_the_video_offset_is_shared_by_face_and_voice():
    generator = Generator({"video_offset": 0.5})
    assert generator.offsets(np.random.default_rng(0), 1000).std() == pytest.approx(0.5, abs=0.01)
    assert not Generator({}).offsets(np.random.default_rng(0), 10).any()


def test_equal_seeds_write_equal_files(tmp_path):
    small = {"train_identities": 3, "validation_identities": 2, "test_identities": 3, "rows": 2, "test_rows": 2,
             "face_features": 4, "voice_features": 3}  # fmt: skip
    one, two, other = (
        write_files(tmp_path / name, small | {"seed": seed}) for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    for path in sorted(one.rglob("*.*")):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes()
    assert (one / "features" / "faceTrain.csv").read_text() != (other / "features" / "faceTrain.csv").read_text()
    with pytest.raises(UsageError, match="already exists"):
        write_files(one, small)


@pytest.mark.parametrize(
    "option", [{"rho": 1.5}, {"train_identities": 1}, {"video_offset": -1.0}, {"face_features": 0}]
)
def test_options_out_of_range(option):
    with pytest.raises(ParameterError, match="synthetic_faces_voices"):
        Generator(option)
