"""Effects of the eight combinations, ψ, curves and costs, from made-up records with known effects."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from iemf_fakes import EPOCHS, JOINT, NOISE, SCALING, VOTES, iemf_claims, iemf_results, leave_landscapes

from mmlib.analysis.human_votes import Votes
from mmlib.analysis.iemf.bands import band
from mmlib.analysis.iemf.beside import beside_files, read_planes, read_votes, votes_path
from mmlib.analysis.iemf.factorial import COMBINATIONS, effects_of, factorial, weights
from mmlib.analysis.iemf.findings import analyse
from mmlib.report.iemf_table import iemf_table


def test_effects_by_hand():
    """y = 10 + 4a + 2b + 1c + 6ab: main effects 4 + 3, 2 + 3, 1; interaction ab half of 6."""
    cells = {(a, b, c): {0: 10.0 + 4 * a + 2 * b + c + 6 * a * b} for a, b, c in COMBINATIONS}
    found = {effect.factors: effect.difference.mean for effect in effects_of(cells)}
    assert found[("unimodal losses",)] == pytest.approx(7)
    assert found[("scaling",)] == pytest.approx(5)
    assert found[("noise",)] == pytest.approx(1)
    assert found["unimodal losses", "scaling"] == pytest.approx(3)
    assert found["unimodal losses", "noise"] == found["scaling", "noise"] == pytest.approx(0)
    assert found["unimodal losses", "scaling", "noise"] == pytest.approx(0)


def test_effects_are_orthogonal_contrasts():
    sets = [("unimodal losses",), ("scaling",), ("unimodal losses", "noise"), ("unimodal losses", "scaling", "noise")]
    for one in sets:
        values = weights(one)
        assert sum(values.values()) == 0
        for other in sets:
            product = sum(values[setting] * weights(other)[setting] for setting in values)
            assert product == pytest.approx(0.5 if one == other else 0)


def test_effects_of_the_plan():
    found = factorial(iemf_results())
    means = {effect.factors: effect.difference.mean for effect in found.effects}
    for factor, effect in (("unimodal losses", JOINT), ("scaling", SCALING), ("noise", NOISE)):
        assert means[(factor,)] == pytest.approx(100 * effect, abs=0.15)
    clear = [effect.name for effect in found.effects if effect.clear]
    assert clear[:3] == ["unimodal losses", "scaling", "noise"]
    assert "Beyond seed noise: unimodal losses, scaling, noise" in found.sentences[0]


def test_effects_need_all_eight():
    found = factorial(iemf_results(rows=["none", "none-joint", "none-iemf", "off-noise", "off-scaling"]))
    assert found.effects == []
    assert found.missing == ["scaling, noise", "unimodal losses, noise", "unimodal losses, scaling"]
    assert "missing: scaling, noise; unimodal losses, noise" in found.sentences[0]


def test_sweep_and_published_points():
    found = analyse(iemf_results(), iemf_claims()).sweep
    assert list(found.points) == list(found.printed) == [0.1, 0.5, 1.0, 2.0, 3.0, 5.0]
    assert found.gains[1.0].mean == pytest.approx(3.6, abs=0.2)
    assert found.printed[1.0] == 64.61
    assert found.printed_baseline == 57.63
    assert "Highest mean at ψ = 1, in the paper's numbers for Kinetics-Sounds at ψ = 1" in found.sentences[0]
    assert found.sentences[0].endswith("beyond seed noise: ψ = 0.1, 0.5, 1, 2, 3.")


def test_curves_and_costs(tmp_path):
    found = analyse(iemf_results(tmp_path), iemf_claims())
    (plain, *_) = found.coefficients
    assert plain.coefficient.epochs == list(range(1, EPOCHS + 1))
    assert plain.coefficient.mean[0] == pytest.approx(1.32)  # 1.3 + 0.01 * mean seed
    assert plain.coefficient.high[0] == pytest.approx(1.34)
    audio, visual = found.branches
    assert (audio.modality, visual.modality) == ("audio", "visual")
    assert list(audio.curves) == ["from scratch", "from OGM-GE", "from OGM-GE with IEMF"]
    assert all(len(curve) == EPOCHS for seeds in audio.curves.values() for curve in seeds.values())  # the last stage's
    costs = {cost.label: cost for cost in found.costs}
    assert costs["concatenation"].reached == 5
    assert all(run.step_ratio == pytest.approx(1.04) for run in costs["concatenation"].runs)
    assert "concatenation 0." in next(text for text in found.sentences if text.startswith("Cost to reach"))


def test_a_band_is_of_the_epochs_that_all_seeds_know():
    found = band("x", [[None, 0.5, 0.7], [None, 0.3, 0.5, 0.9], [None, None, None]], 100)
    assert (found.epochs, found.seeds) == ([2, 3], 2)
    assert found.mean == pytest.approx([40, 60])
    assert (found.low[0], found.high[0]) == pytest.approx((30, 50))
    assert band("x", [[None, None], []]) is None


def test_landscapes_stand_together_or_not_at_all(tmp_path):
    results = iemf_results(tmp_path, rows=["none", "none-iemf"])
    assert read_planes(results) == []
    leave_landscapes(results)
    one, other = read_planes(results)
    assert (one.label, other.label) == ("without IEMF", "with IEMF")
    assert one.centre == pytest.approx(0.5)
    assert len(beside_files(results, tmp_path)) == 3
    folder = results.folders[results.rows["none"].records[0].cell_id]
    (folder / "landscape-abc.npz").write_bytes(b"not a landscape")
    assert read_planes(results) == []
    leave_landscapes(results, samples=128)
    leave_landscapes(iemf_results(tmp_path, rows=["none", "none-iemf"]), size=5)
    assert len(read_planes(results)) == 2


def test_votes_are_read_where_they_were_left(tmp_path):
    assert read_votes(tmp_path) == []
    votes_path(tmp_path).parent.mkdir()
    votes_path(tmp_path).write_text(json.dumps([asdict(row) for row in VOTES]))
    assert read_votes(tmp_path) == VOTES
    assert isinstance(read_votes(tmp_path)[0], Votes)
    votes_path(tmp_path).write_text('[{"emotion": "all"}]')
    assert read_votes(tmp_path) == []


def test_what_did_not_run_is_said_in_words(tmp_path):
    nothing = analyse(iemf_results(seeds=()), iemf_claims(), tmp_path)
    assert nothing.headline == "IEMF did not run beside its baseline"
    assert len(nothing.missing) == 9
    assert sum(text.startswith("Not shown: ") for text in nothing.sentences) == 9
    some = analyse(iemf_results(rows=["none", "none-iemf"]), iemf_claims(), tmp_path)
    assert "1 of 1 methods with no gain beyond seed noise to take a share of" in some.headline
    assert any("eight combinations" in text for text in some.missing)
    assert not any("share of the unimodal losses" in text for text in some.missing)


def test_table_holds_the_share_and_the_published_one():
    table = iemf_table(analyse(iemf_results(), iemf_claims()), "iemf-embedded")
    assert [row[0] for row in table.rows[:2]] == ["concatenation", "MSLR"]
    assert table.rows[0][4] == "71 %"
    assert table.rows[4][3] == "none to give"  # our SNN: unimodal losses alone did not run
    assert table.data[0]["share"] == pytest.approx(3.0 / 3.6, abs=0.05)
    assert table.data[0]["share_low"] < table.data[0]["share"] < table.data[0]["share_high"]
    assert "Fieller" in table.notes[0]
