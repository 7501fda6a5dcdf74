"""What each method makes of a batch: the golden values of whole losses, first steps, and who is taught what."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from mmlib.continual.methods import METHODS, MethodOptions, Step, build_method
from mmlib.continual.tasks import Tasks
from mmlib.data.batch import Batch
from mmlib.data.joint import JointBatch
from mmlib.errors import ParameterError
from mmlib.losses.nca import nca_loss
from mmlib.models.channel_attention import AttentionMaps
from mmlib.models.incremental import IncrementalAudioVisual, IncrementalOutput

PAIRS = Tasks.equal(6, 2)
OLD = [[1, 0, 0.5, -0.5], [0, 2, -1, 1]]
NEW = [[0.8, 0.1, 0.2, 0, 1, -1], [0.3, 1.5, -0.5, 0.7, -0.2, 0.4]]
OLD_EXEMPLAR, NEW_EXEMPLAR = [0.5, 0, 1.5, -0.5], [0.6, -0.2, 1.1, 0.3, 0.9, 0]


def output(logits, **more):
    logits = torch.tensor(logits, dtype=torch.float64)
    return IncrementalOutput(logits, logits, {}, more.pop("features", {}), **more)


def batch(targets):
    return Batch({}, torch.tensor(targets), torch.arange(len(targets)))


def joint(new, exemplars):
    return JointBatch({"new": batch(new), "exemplars": batch(exemplars)})


def total(losses):
    return sum(losses.values()).item()


def test_lwf_is_golden():
    found = build_method("lwf", Step(PAIRS, 2)).losses(output(NEW), output(OLD), batch([4, 5]))
    assert found["cross_entropy"].item() == pytest.approx(0.28220798, abs=1e-8)
    assert found["distillation"].item() == pytest.approx(0.03864753 + 0.07190621, abs=2e-8)
    assert total(found) == pytest.approx(0.39276172, abs=1e-8)


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2)])
def test_ss_il_is_golden(order):
    new, old = [*NEW, NEW_EXEMPLAR], [*OLD, OLD_EXEMPLAR]
    targets = [[4, 5, 2][row] for row in order]
    found = build_method("ss_il", Step(PAIRS, 2)).losses(
        output([new[row] for row in order]), output([old[row] for row in order]), joint(targets[:2], targets[2:])
    )
    assert found["cross_entropy"].item() == pytest.approx(0.46986454, abs=1e-8)
    assert total(found) == pytest.approx(0.59841779, abs=1e-8)


FEATURES = {
    "audio": torch.tensor([[1, 0], [0.6, 0.8], [0, 1]], dtype=torch.float64),
    "visual": torch.tensor([[0.8, 0.6], [1, 0], [0.28, 0.96]], dtype=torch.float64),
}


def test_av_cil_is_golden():
    """G4's contrasts (labels 4, 5, 4) and G3's other terms (labels 4, 5 and an exemplar's 2)."""
    options = MethodOptions(instance_weight=0.5, class_weight=1.0, contrast_temperature=0.05)
    method = build_method("av_cil", Step(PAIRS, 2), options)
    attention = {"attention": maps([[0.5, 0.5], [0.8, 0.2]], [0.6, 0.4])}
    new = output([*NEW, NEW_EXEMPLAR], features=FEATURES, **attention)
    old = output([*OLD, OLD_EXEMPLAR], attention=maps([[0.75, 0.25], [0.5, 0.5]], [0.9, 0.1]))
    found = method.losses(new, old, joint([4, 5], [2]))
    assert found["cross_entropy"] + found["distillation"] == pytest.approx(0.59841779, abs=1e-8)
    assert found["instance_contrast"].item() == pytest.approx(0.5 * 3.90034425, abs=1e-8)
    assert found["attention"].item() == pytest.approx(0.29012237, abs=1e-8)
    same_class = method.losses(new, old, joint([4, 5], [4]))["class_contrast"].item()
    assert same_class == pytest.approx(3.70221439, abs=1e-8)
    golden = 0.59841779 + found["instance_contrast"].item() + same_class
    assert golden == pytest.approx(6.25080431, abs=1e-7)


def maps(spatial, temporal):
    """Of one exemplar and one channel: (1, T, P, 1) and (1, T, 1)."""
    spatial, temporal = torch.tensor(spatial, dtype=torch.float64), torch.tensor(temporal, dtype=torch.float64)
    return AttentionMaps(spatial[None, :, :, None], temporal[None, :, None])


def test_attention_is_asked_of_exemplars_where_it_is_distilled():
    pair = joint([4, 5], [2])
    assert build_method("av_cil", Step(PAIRS, 2)).attention_rows(pair) == slice(2, 3)
    assert build_method("av_cil", Step(PAIRS, 0)).attention_rows(batch([0])) is None
    off = build_method("av_cil", Step(PAIRS, 2), MethodOptions(attention_distillation=False))
    assert off.attention_rows(pair) is None
    assert "attention" not in off.losses(
        output([*NEW, NEW_EXEMPLAR], features=FEATURES), output([*OLD, OLD_EXEMPLAR]), pair
    )


def test_icarl_is_golden():
    logits, old = [[0.5, -0.3, 1, 0.2], [0, 0.4, -0.2, 0.8]], [[1, -1], [0.2, 0.6]]
    step = Step(Tasks.equal(4, 2), 1)
    published = build_method("icarl_fc", step, MethodOptions(double_sigmoid=True))
    found = published.losses(output(logits), output(old), batch([2, 3]))
    assert found["cross_entropy"].item() == pytest.approx(0.87823364, abs=1e-6)  # in single precision
    assert total(found) == pytest.approx(1.56828143, abs=1e-6)
    clean = build_method("icarl_fc", step).losses(output(logits), output(old), batch([2, 3]))
    assert clean["distillation"].item() == pytest.approx(0.64787132, abs=1e-8)


@pytest.mark.parametrize("name", ["fine_tuning", "replay", "joint"])
def test_cross_entropy_over_all_classes_seen(name):
    found = build_method(name, Step(PAIRS, 2)).losses(output(NEW), None, batch([4, 1]))
    assert list(found) == ["cross_entropy"]
    expected = F.cross_entropy(torch.tensor(NEW), torch.tensor([4, 1]))
    assert found["cross_entropy"].item() == pytest.approx(expected.item())


@pytest.mark.parametrize("name", [name for name in METHODS if not name.startswith("afc")])
def test_the_first_step_is_cross_entropy(name):
    found = build_method(name, Step(PAIRS, 0)).losses(output([[1.0, 0.0], [0.0, 2.0]]), None, batch([0, 1]))
    expected = F.cross_entropy(torch.tensor([[1.0, 0.0], [0.0, 2.0]]), torch.tensor([0, 1]))
    assert total(found) == pytest.approx(expected.item())
    assert list(found) == ["cross_entropy"]


@pytest.mark.parametrize("name", ["lwf", "icarl_fc"])
def test_what_a_teacher_has_not_learned_is_not_distilled(name):
    method = build_method(name, Step(PAIRS, 2))
    new, old, targets = torch.tensor(NEW), torch.tensor(OLD), torch.tensor([4, 5])
    none = method.score_losses(new, targets, old, [False, False])
    assert none["distillation"].item() == 0
    changed = old.clone()
    changed[:, :2] += torch.tensor([3.0, -3.0])
    second = [method.score_losses(new, targets, scores, [False, True])["distillation"] for scores in (old, changed)]
    assert second[0] == second[1] > 0
    both = [method.score_losses(new, targets, scores, [True, True])["distillation"] for scores in (old, changed)]
    assert both[0] != both[1]
    assert both[0] == method.score_losses(new, targets, old)["distillation"]


def test_an_unknown_method():
    with pytest.raises(ParameterError, match="'fine_tuning', 'lwf'"):
        build_method("lfw", Step(PAIRS, 0))


class TestAFC:
    """Its first step, where a later one begins, and its loss against a reference."""

    @pytest.fixture
    def clips(self):
        generator = torch.Generator().manual_seed(5)
        inputs = {
            "audio": torch.randn(24, 5, generator=generator),
            "visual": torch.randn(24, 2, 3, 6, generator=generator),
        }
        return inputs, torch.arange(24) % 2 + 2  # of the second task

    @pytest.fixture
    def model(self):
        torch.manual_seed(0)
        network = IncrementalAudioVisual(
            2, audio_channels=5, visual_channels=6, feature_channels=7, classifier="local_similarity", proxies=3
        )
        return network.grow(2)

    def begun(self, model, clips, **options):
        method = build_method("afc_lsc", Step(Tasks.equal(4, 2), 1), MethodOptions(**options))
        inputs, targets = clips
        return method, method.begin(model, None, lambda network: (network(inputs).fused.detach(), targets))

    def test_the_first_step_is_nca(self, model, clips):
        inputs, targets = clips
        found = build_method("afc_lsc", Step(Tasks.equal(4, 2), 0)).losses(
            model(inputs), None, Batch(inputs, targets, targets)
        )
        expected = nca_loss(model(inputs).logits, targets, model.classifier.scale)
        assert list(found) == ["nca"]
        assert found["nca"].item() == pytest.approx(expected.item())

    def test_new_proxies_are_placed_and_old_ones_stay(self, model, clips):
        old, drawn = model.classifier.old_proxies.clone(), model.classifier.proxies.detach().clone()
        _, teacher = self.begun(model, clips)
        assert torch.equal(model.classifier.old_proxies, old)
        placed = model.classifier.proxies.detach()
        assert not torch.allclose(placed, drawn)
        assert placed.norm(dim=-1).mean() <= old.norm(dim=-1).mean() * 1.001  # centres of unit vectors are shorter
        assert torch.equal(teacher.classifier.proxies, placed)
        assert not any(parameter.requires_grad for parameter in teacher.parameters())
        assert not teacher.training

    def test_published_importance_comes_from_random_proxies(self, model, clips):
        drawn = model.classifier.proxies.detach().clone()
        _, teacher = self.begun(model, clips, random_importance=True)
        assert torch.equal(teacher.classifier.proxies, drawn)
        assert not torch.allclose(model.classifier.proxies, drawn)

    def test_loss_of_a_later_step(self, model, clips):
        """Against a reference that goes through the old network's features one by one."""
        inputs, targets = clips
        method, teacher = self.begun(model, clips)
        with torch.no_grad():
            model.project_audio.weight.mul_(1.3)
        found = method.losses(model(inputs), teacher(inputs), Batch(inputs, targets, targets))

        old = teacher(inputs)
        names = ("pooled", "audio", "visual")
        pooled, audio = old.pooled.detach().requires_grad_(), old.features["audio"].detach().requires_grad_()
        visual = teacher.project_visual(pooled)
        visual.retain_grad()
        scores = teacher.classifier(audio + visual)
        nca_loss(scores, targets, teacher.classifier.scale).backward()
        lengths = [[value.grad[row].norm() for value in (pooled, audio, visual)] for row in range(24)]
        new = model(inputs)
        now = {"pooled": new.pooled, **new.features}
        before = {"pooled": old.pooled, **old.features}
        expected = 0.0
        for row in range(24):
            for place, name in enumerate(names):
                share = lengths[row][place] / sum(lengths[row])
                moved = F.normalize(now[name][row], dim=0) - F.normalize(before[name][row], dim=0)
                expected += (share * moved.norm()).item() / 24
        assert found["consolidation"].item() == pytest.approx(0.5 * math.sqrt(2) * expected, rel=1e-5)
        assert found["consolidation"].item() > 0
