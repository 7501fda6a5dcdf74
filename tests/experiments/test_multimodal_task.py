"""What all tasks of several modalities trace and measure, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mmlib.data.batch import Batch
from mmlib.errors import NonFiniteLossError
from mmlib.experiments.multimodal_task import MultimodalTask, check_finite, zeta_trace
from mmlib.fusion import FusionOutput
from mmlib.training import Evaluation, Group

HALF, SURE = [0.0, 0.0], [0.0, 40.0]  # probability of class 1: 1/2 and 1


class Toy(MultimodalTask):
    accuracy = "top1"

    def losses(self, output, batch):
        return {"logits": output.logits.sum()}

    def measure(self, outputs, loader):
        return Evaluation({"loss": 0.5}, {"logits": outputs["logits"]})


class Model(torch.nn.Module):
    """Gives its inputs as unimodal logits."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def forward(self, inputs):
        return FusionOutput(sum(inputs.values()), torch.zeros(1), {}, inputs)

    def unimodal_logits(self, output):
        return output.features


def batch(targets=(1, 1), **inputs):
    inputs = {name: torch.tensor(value) for name, value in inputs.items()}
    return Batch(inputs, torch.tensor(targets), torch.arange(len(targets)))


def traced(task, rows, zeta=None):
    output = task.model(rows.inputs)
    output.zeta = zeta
    return task.trace(output, rows, task.observables(output, rows))


def test_two_modalities_have_one_ratio_of_visual_over_audio_in_whatever_order():
    for names in (("audio", "visual"), ("visual", "audio")):
        logits = {"visual": [SURE, SURE], "audio": [HALF, HALF]}
        values = traced(Toy(Model()), batch(**{name: logits[name] for name in names}))
        assert float(values["rho_decoupled"]) == pytest.approx(2.0)
        assert all(np.isnan(float(values[name])) for name in ("rho_zeta", "zeta_mean", "zeta_variance", "r"))
        assert float(values["train/top1"]) == 1.0


def test_another_pair_is_taken_as_given():
    values = traced(Toy(Model()), batch(text=[HALF, HALF], flow=[SURE, SURE]))
    assert float(values["rho_decoupled"]) == pytest.approx(0.5)


def test_three_modalities_have_a_ratio_each_against_the_mean_of_the_others_and_no_zeta():
    rows = batch(vector=[SURE, SURE], sequence=[HALF, HALF], tokens=[HALF, SURE])  # scores 2, 1, 1.5
    values = traced(Toy(Model()), rows, zeta=torch.full((2, 4), 0.5))
    expected = {"rho_vector": 2 / 1.25, "rho_sequence": 1 / 1.75, "rho_tokens": 1.5 / 1.5}
    assert {name: float(values[name]) for name in expected} == pytest.approx(expected)
    assert set(values) == {"train/top1", *expected}


def test_zeta_of_two_terms():
    zeta = torch.tensor([[0.2, 0.5], [0.6, 0.5]])
    values = traced(Toy(Model()), batch(visual=[SURE, SURE], audio=[HALF, HALF]), zeta=zeta)
    assert float(values["rho_zeta"]) == pytest.approx(1.8 / 2.2)
    assert float(values["zeta_mean"]) == pytest.approx(0.45)
    assert float(values["zeta_variance"]) == pytest.approx(0.04 / 2)
    assert np.isnan(float(zeta_trace(FusionOutput(zeta, zeta, {}, {}))["zeta_mean"]))


def test_rows_that_do_not_count_are_left_out_of_the_ratio():
    class Skipping(Toy):
        def counted(self, batch):
            return torch.tensor([-1, 1])

    rows = batch(visual=[SURE, HALF], audio=[HALF, HALF])
    assert float(traced(Skipping(Model()), rows)["rho_decoupled"]) == pytest.approx(1.0)


def test_samples_that_dropped_a_modality_do_not_count():
    """The second sample dropped its sound: what an encoder says of nothing is no score of the modality."""
    task, rows = Toy(Model()), batch(visual=[SURE, HALF], audio=[HALF, SURE])
    output = task.model(rows.inputs)
    output.keep = {"audio": torch.tensor([True, False])}
    observed = task.observables(output, rows)
    assert observed["rows"].tolist() == [True, False]
    assert float(task.trace(output, rows, observed)["rho_decoupled"]) == pytest.approx(2.0)


def test_evaluation_measures_each_modality_alone():
    rows = batch(targets=(1, 0), vector=[SURE, SURE], sequence=[SURE, [40.0, 0.0]], tokens=[[40.0, 0.0], SURE])
    found = Toy(Model()).evaluate(Model(), [rows], Group())
    alone = {"top1_sequence": 1.0, "top1_tokens": 0.0, "top1_vector": 0.5}
    assert found.metrics == {"loss": 0.5, **alone}
    assert set(found.arrays) == {"logits", "targets", "index"}


def test_evaluation_measures_each_head():
    class Headed(Model):
        def forward(self, inputs):
            output = super().forward(inputs)
            output.head_logits = {name: -logits for name, logits in inputs.items()}
            return output

    rows = batch(targets=(1, 0), visual=[SURE, SURE], audio=[[40.0, 0.0], SURE])
    found = Toy(Model()).evaluate(Headed(), [rows], Group()).metrics
    assert found["top1_visual"] == 0.5
    assert (found["top1_head_visual"], found["top1_head_audio"]) == (0.5, 1.0)
    assert set(found) == {"loss", "top1_visual", "top1_audio", "top1_head_visual", "top1_head_audio"}


def test_what_is_not_finite_is_said():
    values = np.zeros((3, 2, 2))
    values[1, 0, 1] = np.nan
    with pytest.raises(NonFiniteLossError, match="not finite for 1 of 3 evaluated clips. Lower learning_rate"):
        check_finite(values, "clips")
