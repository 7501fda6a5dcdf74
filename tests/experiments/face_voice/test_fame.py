"""FAME from generated files to the overall score: a published checkpoint in, four score files and error rates out."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.data.voxceleb import fame
from mmlib.data.voxceleb.fame_synthetic import write_fame
from mmlib.errors import DataError, UsageError
from mmlib.experiments.face_voice.fame import distances, evaluate_version, write_language
from mmlib.metrics.verification import eer
from mmlib.models.fop import FOP
from mmlib.models.fop_checkpoint import NAMES, load_published_fop

SIZES = {"rows": 2, "test_rows": 10, "face_features": 9, "voice_features": 7, "rho": 1.0}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_fame(tmp_path_factory.mktemp("fame"), "v2", SIZES)


@pytest.fixture
def model(tmp_path):
    """A checkpoint under the published names, loaded again."""
    torch.manual_seed(0)
    ours = {new: old for old, new in NAMES.items()}
    state = FOP(9, 7, 12).state_dict()
    published = {f"{ours[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": value for name, value in state.items()}
    torch.save({"epoch": 54, "state_dict": published}, tmp_path / "fop.pth.tar")
    return load_published_fop(tmp_path / "fop.pth.tar")


def test_generated_files_are_those_of_the_challenge(folder):
    assert sorted(path.name for path in folder.iterdir()) == ["English", "Hindi"]
    train = fame.features(folder / "Hindi", "Hindi")
    assert (train["face"].rows, train["face"].width, train["voice"].width) == (24, 9, 7)
    assert len(set(train["face"].labels)) == 12
    for tested in ("Hindi", "English"):
        split, truth = fame.split_names("v2", "Hindi", tested != "Hindi")
        pairs, same = fame.read_split(folder / "Hindi" / split), fame.read_truth(folder / "Hindi" / truth)
        assert len(pairs.key) == len(same) == fame.features(folder / "Hindi", "Hindi", tested)["voice"].rows == 60
        assert 0 < same.sum() < 60
        assert all(path.startswith(f"voices/{tested}/") for path in pairs.voice_path)
        assert (np.char.str_len(pairs.key) == 8).all()


def test_from_checkpoint_to_overall_score(folder, model, tmp_path):
    for heard in fame.LANGUAGES["v2"]:
        written = write_language(model, folder, "v2", heard, tmp_path / "scores")
        assert written[heard].name == f"sub_score_v2_{heard}_heard.txt"
    found = evaluate_version(folder, "v2", tmp_path / "scores")
    assert list(found) == ["English-English", "English-Hindi", "Hindi-English", "Hindi-Hindi", "overall"]
    direct = distances(model, fame.features(folder / "Hindi", "Hindi", "English"))
    _, truth = fame.split_names("v2", "Hindi", True)
    assert found["Hindi-English"] == pytest.approx(eer(direct, fame.read_truth(folder / "Hindi" / truth)), abs=0.02)
    assert found["overall"] == pytest.approx(np.mean(list(found.values())[:4]))


def test_scores_are_euclidean_distances(folder, model):
    tables = fame.features(folder / "English", "English", "English")
    parts = {name: torch.from_numpy(np.concatenate(list(table.pieces()))) for name, table in tables.items()}
    with torch.inference_mode():
        out = model.embeddings(parts)
    expected = torch.linalg.vector_norm(out["face"] - out["voice"], dim=1).numpy()
    np.testing.assert_allclose(distances(model, tables), expected, rtol=1e-5)


def test_features_of_another_extractor_are_refused(folder):
    tables = fame.features(folder / "English", "English", "English")
    with pytest.raises(DataError, match="has 9 features, the model was trained on 8"):
        distances(FOP(8, 7, 12), tables)


def test_unknown_versions_and_existing_folders(folder, tmp_path):
    with pytest.raises(UsageError, match="no version 'v9'"):
        write_fame(tmp_path, "v9")
    with pytest.raises(UsageError, match="already exists"):
        write_fame(folder.parent, "v2")
