"""One step as the loop sees it: what IEMF scores, whose losses unimodal heads add, and when."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from mmlib.continual.methods import MethodOptions, Step, build_method
from mmlib.continual.tasks import Tasks
from mmlib.data.batch import Batch
from mmlib.experiments.continual.task import IncrementalLearning, UnimodalLearning
from mmlib.losses.distillation import task_distillation
from mmlib.losses.separated_cross_entropy import separated_cross_entropy
from mmlib.models.incremental import IncrementalAudioVisual, IncrementalOutput
from mmlib.modulation import IEMF

PAIRS = Tasks.equal(4, 2)
FUSED = [[0, 1, 2, 0], [1, 0, 0.5, -0.5]]
AUDIO = [[1, 0, 0.5, 0.5], [0, 0, 0, 1]]
VISUAL = [[0, 0, 1, -1], [0, 1, 1, 0]]


class NoNetwork:
    """Stands for a network of which only the outputs matter."""

    unimodal_heads = None
    heads_active = True

    def unimodal_logits(self, output):
        return {}


def observed(fused, audio, visual, targets, name="lwf", number=1):
    task = IncrementalLearning(NoNetwork(), None, build_method(name, Step(PAIRS, number)), scored="heads")
    double = [torch.tensor(logits, dtype=torch.float64) for logits in (fused, audio, visual)]
    output = IncrementalOutput(double[0], double[0], {}, {}, head_logits={"audio": double[1], "visual": double[2]})
    iemf = IEMF({"fusion": [torch.nn.Parameter(torch.zeros(2))]})
    iemf.observe(**task.observables(output, Batch({}, torch.tensor(targets), torch.arange(len(targets)))))
    return iemf


@pytest.mark.parametrize("exemplars", [0, 1])
def test_iemf_scores_new_clips_among_new_classes(exemplars):
    """Golden G1b, with or without an exemplar in the batch; the softmax over all classes gives another coefficient."""
    more = [[3.0, -1.0, 2.0, 0.5]] * exemplars
    iemf = observed(FUSED + more, AUDIO + more, VISUAL + more, [2, 3] + [0] * exemplars)
    assert iemf.ratios["iemf"].item() == pytest.approx(1.03536460, abs=1e-8)
    assert iemf.coefficients["fusion"].item() == pytest.approx(0.96465014, abs=1e-8)


@pytest.mark.parametrize(("name", "number"), [("lwf", 0), ("joint", 1)])
def test_a_new_network_is_scored_on_all_classes(name, number):
    classes = 4 if number else 2
    full = IEMF({"fusion": [torch.nn.Parameter(torch.zeros(2))]})
    cut = [torch.tensor(logits, dtype=torch.float64)[:, :classes] for logits in (FUSED, AUDIO, VISUAL)]
    targets = torch.tensor([2, 3]) if number else torch.tensor([0, 1])
    full.observe(fused_logits=cut[0], head_logits={"audio": cut[1], "visual": cut[2]}, targets=targets)
    iemf = observed(*(logits.tolist() for logits in cut), targets.tolist(), name, number)
    assert iemf.coefficients["fusion"] == full.coefficients["fusion"]
    if number:
        assert iemf.coefficients["fusion"].item() == pytest.approx(1.03116023, abs=1e-8)


class TestUnimodalLosses:
    @pytest.fixture
    def networks(self):
        torch.manual_seed(0)
        sizes = {"audio_channels": 5, "visual_channels": 6, "feature_channels": 7}
        teacher = IncrementalAudioVisual(2, unimodal_heads="attached", **sizes)
        model = IncrementalAudioVisual(2, unimodal_heads="attached", **sizes)
        return model.grow(2), teacher.requires_grad_(False).eval()

    @pytest.fixture
    def batch(self):
        generator = torch.Generator().manual_seed(1)
        inputs = {
            "audio": torch.randn(6, 5, generator=generator),
            "visual": torch.randn(6, 2, 3, 6, generator=generator),
        }
        return Batch(inputs, torch.tensor([2, 3, 2, 0, 3, 1]), torch.arange(6))

    def task(self, networks, name="ss_il", **unimodal):
        method = build_method(name, Step(PAIRS, 1), MethodOptions(attention_distillation=False))
        return IncrementalLearning(*networks, method, unimodal=UnimodalLearning(2, 4, **unimodal), scored="heads")

    @pytest.mark.parametrize(("epoch", "active"), [(0, False), (1, False), (2, True), (4, True), (5, False)])
    def test_heads_are_left_out_outside_the_window(self, networks, batch, epoch, active):
        model, _ = networks
        task = self.task(networks)
        task.start_epoch(epoch)
        output = model(batch.inputs)
        losses = task.losses(output, batch)
        assert (output.head_logits is not None) == active
        assert ("cross_entropy_audio" in losses) == active
        sum(losses.values()).backward()
        heads = list(model.unimodal_heads.parameters())
        assert all((parameter.grad is not None) == active for parameter in heads)
        observed = task.observables(output, batch)
        assert set(observed["head_logits"]) == {"audio", "visual"}, "r is reported all the time"

    def test_each_head_has_the_losses_of_the_fused_scores(self, networks, batch):
        model, teacher = networks
        task = self.task(networks, weight=0.5)
        task.start_epoch(2)
        output, old = model(batch.inputs), teacher(batch.inputs)
        losses = task.losses(output, batch)
        for modality in ("audio", "visual"):
            logits, before = output.head_logits[modality], old.head_logits[modality]
            expected = 0.5 * separated_cross_entropy(logits, batch.targets, 2)
            assert losses[f"cross_entropy_{modality}"].item() == pytest.approx(expected.item())
            kept = 0.5 * task_distillation(logits, before, (0, 2)).sum()
            assert losses[f"distillation_{modality}"].item() == pytest.approx(kept.item())

    def test_untrained_heads_of_the_teacher_teach_nothing(self, networks, batch):
        task = self.task(networks, taught=[False])
        task.start_epoch(2)
        losses = task.losses(networks[0](batch.inputs), batch)
        assert losses["distillation_audio"].item() == losses["distillation_visual"].item() == 0
        assert losses["distillation"].item() > 0


def test_attention_is_computed_for_the_rows_that_need_it():
    method = SimpleNamespace(attention_rows=lambda batch: slice(4, 6), step=Step(PAIRS, 1))
    task = IncrementalLearning(NoNetwork(), None, method)
    assert task.model_options(None) == {"attention_of": slice(4, 6)}
    method.attention_rows = lambda batch: None
    assert task.model_options(None) == {}
