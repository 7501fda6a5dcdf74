"""The explorer over real (small) runs, without a browser: setting a widget's value is what a browser does."""

from __future__ import annotations

import copy
import io
import shutil
import wave

import numpy as np
import pytest

from mmlib.errors import OutputsError, UsageError
from mmlib.experiments.classification import Parameters, run
from mmlib.experiments.explorer import runs as explorer_runs
from mmlib.experiments.explorer.drawing import frames_figure, sound, zeta_figure
from mmlib.experiments.explorer.inspection import inspect
from mmlib.experiments.explorer.panels import Explorer
from mmlib.experiments.explorer.runs import finished_runs, train_small_run
from mmlib.record import CELL_FILE, CellFile, Hashes, now, write_model

PNG = b"\x89PNG"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """One run with a learned ζ, one without SimAM², and one that is no classification run."""
    folder = tmp_path_factory.mktemp("outputs")
    small = {"synthetic_samples": 100, "epochs": 2, "feature_channels": 8, "data_store": str(folder / "data")}
    learned = {"simam2": True, "zeta": "learned", "modulation": "decoupling_free"}
    for name, given in (("b-learned", learned), ("a-plain", {}), ("c-half", {"simam2": True, "seed": 1})):
        run(Parameters.resolve({**small, **given, "output": str(folder / "runs" / name)}))
    for name, row in (("b-learned", "decoupling_free-simam2-sum"), ("c-half", "simam2-sum")):
        cell = CellFile(
            cell_id=name, run_id=name, notebook="classification.ipynb", plan="table1", profile="embedded", row=row,
            parameters={}, hashes=Hashes(notebook="", library="", lock=None, library_files={}), started=now(), host="",
        )  # fmt: skip
        write_model(folder / "runs" / name / CELL_FILE, cell)
    (folder / "runs" / "other").mkdir()
    (folder / "runs" / "other" / "result.json").write_text('{"parameters": {"plan": "table1"}, "metrics": {}}')
    (folder / "runs" / "other" / "model.safetensors").write_bytes(b"")
    return folder


@pytest.fixture(scope="module")
def inspection(outputs):
    return inspect(finished_runs(outputs)[0])


def test_runs_with_a_learned_zeta_come_first(outputs):
    assert [choice.name for choice in finished_runs(outputs)] == ["b-learned", "a-plain", "c-half"]
    assert "ζ learned, modulation decoupling_free, seed 0" in finished_runs(outputs)[0].title


def test_inspection_repeats_what_the_run_recorded(outputs, inspection):
    choice = inspection.choice
    with np.load(choice.folder / "arrays.npz") as arrays:
        np.testing.assert_allclose(inspection.values["zeta"].mean(axis=0), arrays["clean_zeta_mean"], atol=1e-6)
    right = (inspection.predictions == inspection.targets).mean()
    assert right == pytest.approx(choice.result.metrics["clean/top1"])


def test_inspected_values_satisfy_the_equations(inspection):
    values, r = inspection.values, inspection.r
    mutual = values["eU"] - values["zeta"] ** 2 * values["e1"] - (1 - values["zeta"]) ** 2 * values["e2"]
    np.testing.assert_allclose(values["E*"], mutual + (1 - r) * values["eU"], atol=1e-5)
    np.testing.assert_allclose(values["gate"], 1 / (1 + np.exp(-values["E*"])), atol=1e-5)


def test_a_limit_takes_samples_evenly(outputs):
    few = inspect(finished_runs(outputs)[0], limit=3)
    assert few.positions[0] == 0
    assert len(few.positions) == len(few.values["zeta"]) == 3


def test_panels_follow_the_chosen_run(outputs):
    explorer = Explorer.over(outputs)
    assert explorer.runs.select.index == 0  # what a browser shows as chosen
    pictures = [explorer.zeta.picture, explorer.samples.energies, explorer.samples.frames, explorer.ratios.picture]
    first = [bytes(picture.value) for picture in pictures]
    assert all(bytes(value).startswith(PNG) for value in first)
    explorer.runs.select.value = str(outputs / "runs" / "a-plain")
    assert "no SimAM²" in explorer.runs.message.value
    assert all(bytes(new.value).startswith(PNG) for new in pictures)
    assert pictures[0].value != first[0]
    assert explorer.zeta.channel.options == (("all", -1),)
    assert explorer.zeta.channel.index == explorer.samples.label.index == 0


def test_zeta_panel_follows_its_widgets(outputs):
    panel = Explorer.over(outputs, "b-lea").zeta
    before = bytes(panel.picture.value)
    panel.channel.value = 3
    marked = bytes(panel.picture.value)
    panel.order.value = "mean ζ"
    assert len({before, marked, bytes(panel.picture.value)}) == 3


def names(panel):
    return [label.rsplit("[", 1)[1].rstrip("]") for label, _ in panel.select.options]


def test_runs_are_filtered_by_plan_row_and_seed(outputs):
    panel = Explorer.over(outputs).runs
    opened = []
    panel.listeners.append(lambda inspection: opened.append(inspection and inspection.choice.name))
    assert [label for label, _ in panel.filters["plan"].options] == ["all", "by hand", "table1"]
    panel.filters["plan"].value = "table1"
    assert names(panel) == ["b-learned", "c-half"]
    assert opened == [], "the run that was open is among them and stays"
    assert [label for label, _ in panel.filters["row"].options] == ["all", "decoupling_free-simam2-sum", "simam2-sum"]
    panel.filters["seed"].value = "1"
    assert names(panel) == opened == ["c-half"]
    panel.filters["plan"].value = "by hand"
    assert names(panel) == ["a-plain"], "a filter that fits nothing any more lets all through"
    assert panel.filters["seed"].value == ""
    panel.look("b-learned")
    assert panel.inspection.choice.name == "b-learned"


def test_a_constant_zeta_is_said_in_words(outputs, inspection):
    explorer = Explorer.over(outputs, "c-half")
    said = explorer.runs.message.value
    assert "ζ is 0.5 for every sample and channel, because of zeta = &#x27;half&#x27;" in said
    assert "Choose a run with a learned ζ" in said
    figure = zeta_figure(explorer.runs.inspection)
    assert "ζ is 0.5 for every sample" in figure.axes[0].texts[0].get_text().replace("\n", " ")
    assert inspection.constant == "" or "hardly varies" in inspection.constant
    narrow = copy.copy(inspection)
    narrow.values = {**inspection.values, "zeta": 0.4 + 0.001 * inspection.values["zeta"]}
    assert "ζ was learned and hardly varies: 0.4" in narrow.constant
    by_channel = np.broadcast_to(inspection.values["zeta"][:1], inspection.values["zeta"].shape)
    narrow.values = {**inspection.values, "zeta": by_channel}
    assert "is the same for every sample" in narrow.constant


def test_samples_are_filtered(outputs, inspection):
    panel = Explorer.over(outputs, "b-learned").samples
    wrong = int((inspection.predictions != inspection.targets).sum())
    panel.which.value = "wrong"
    assert len(panel.found) == wrong
    panel.label.value = 0
    assert all(inspection.targets[index] == 0 for index in panel.found)
    panel.which.value = "all"
    picture = panel.energies.value
    panel.place.value = 1
    assert panel.energies.value != picture


def test_sound_can_be_played(inspection):
    with wave.open(io.BytesIO(sound(inspection, 0))) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        assert file.getframerate() == inspection.dataset.views["audio"].sample_rate
        assert file.getnframes() > 1000


def test_people_are_shown_only_when_asked(inspection, monkeypatch):
    monkeypatch.setattr("mmlib.experiments.explorer.drawing.SHOWS_PEOPLE", {"synthetic"})
    assert sound(inspection, 0) == b""
    assert not frames_figure(inspection, 0).axes[0].images
    assert frames_figure(inspection, 0, people=True).axes[0].images
    assert sound(inspection, 0, people=True)


def test_nothing_there_is_said_and_a_small_run_helps(tmp_path, monkeypatch):
    monkeypatch.setattr(
        explorer_runs, "SMALL", {**explorer_runs.SMALL, "synthetic_samples": 60, "epochs": 1, "modulation_end": 0}
    )
    explorer = Explorer.over(tmp_path)
    assert "No finished run was found" in explorer.runs.message.value
    assert bytes(explorer.zeta.picture.value) == b""
    assert bytes(explorer.what_if.picture.value).startswith(PNG)
    explorer.runs.small.click()
    assert "top-1" in explorer.runs.message.value
    assert bytes(explorer.zeta.picture.value).startswith(PNG)


def test_mistakes_are_told(outputs, tmp_path):
    with pytest.raises(UsageError, match="begins with 'nothing'"):
        Explorer.over(outputs, "nothing")
    copy = tmp_path / "runs" / "damaged"
    shutil.copytree(outputs / "runs" / "b-learned", copy)
    (copy / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(OutputsError, match="does not hold the weights"):
        inspect(finished_runs(tmp_path)[0])
    assert "does not hold the weights" in Explorer.over(tmp_path).runs.message.value  # no traceback under the widget


def test_small_run_is_a_finished_run(tmp_path, monkeypatch):
    monkeypatch.setattr(
        explorer_runs, "SMALL", {**explorer_runs.SMALL, "synthetic_samples": 60, "epochs": 1, "modulation_end": 0}
    )
    folder = train_small_run(tmp_path)
    assert [choice.folder for choice in finished_runs(tmp_path)] == [folder]
