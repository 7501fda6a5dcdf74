"""Knowledge guidance: worked examples for samples and batches, who is taught and who is not, limit cases."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mmlib.errors import UsageError
from mmlib.losses.knowledge_guidance import (
    absolute_error,
    adjuster,
    class_error,
    inter_guidance,
    intra_guidance,
    teachers,
)


def tensor(*rows):
    return torch.tensor(rows, dtype=torch.float64)


class TestAdjuster:
    @pytest.mark.parametrize(
        ("errors", "expected"),
        [
            ((0.5, 1, 1.5), (1.130890, 0.989529, 0.879581)),
            ((0.6, 0.9), (1.066667, 0.933333)),
            ((0.7, 0.7, 0.7), (1, 1, 1)),
            ((0.9, 0.3, 0.3), (0.818182, 1.090909, 1.090909)),
            ((2, 0.1, 0.9), (0.770227, 1.242302, 0.987471)),
            ((0, 0, 0), (1, 1, 1)),
        ],
    )
    def test_worked_examples(self, errors, expected):
        assert_close(adjuster(tensor(*errors)), tensor(*expected), atol=1e-6, rtol=0)

    def test_sums_to_the_number_of_modalities_within_its_bounds(self):
        errors = torch.rand(3, 500, dtype=torch.float64)
        alpha = adjuster(errors)
        assert_close(alpha.sum(dim=0), torch.full((500,), 3.0, dtype=torch.float64))
        strongest = alpha.gather(0, errors.argmin(dim=0)[None])
        assert (strongest >= 1).all()
        assert (strongest < 9 / 7 + 1e-12).all()


class TestIntra:
    """Regression: targets (1, -2, .5, 0)."""

    TARGETS = tensor(1, -2, 0.5, 0)

    def given(self):
        purified = tensor(0.8, -1, 0.5, 1).view(1, 4, 1).requires_grad_()
        raw = tensor(0.2, -1.8, 0.5, -1).view(1, 4, 1).requires_grad_()
        return purified, raw, absolute_error(purified, self.TARGETS), absolute_error(raw, self.TARGETS)

    def test_errors(self):
        _, _, purified, raw = self.given()
        assert_close(purified, tensor(0.2, 1, 0, 1)[None], check_stride=False)
        assert_close(raw, tensor(0.8, 0.2, 0, 1)[None], check_stride=False)

    def test_each_sample_has_its_teacher(self):
        given = self.given()
        value = intra_guidance(*given)
        assert_close(value, tensor(0.25))
        value.sum().backward()
        assert_close(given[0].grad.flatten(), tensor(0, 0.4, 0, 0))
        assert_close(given[1].grad.flatten(), tensor(-0.3, 0, 0, 0))

    def test_the_batch_has_one(self):
        given = self.given()
        value = intra_guidance(*given, granularity="batch")
        assert_close(value, tensor(1.25))
        value.sum().backward()
        assert_close(given[0].grad.flatten(), tensor(0.3, 0.4, 0, 1))
        assert given[1].grad is None or not given[1].grad.any()

    def test_equal_branches_teach_nothing(self):
        outputs = torch.randn(2, 3, 1, dtype=torch.float64)
        errors = torch.rand(2, 3, dtype=torch.float64)
        assert not intra_guidance(outputs, outputs + 1, errors, errors).any()

    def test_class_scores_by_squares_and_by_divergence(self):
        purified, raw = tensor(2.0, 0.0)[None, None], tensor(0.0, 0.0)[None, None]
        errors = class_error(purified, torch.tensor([0])), class_error(raw, torch.tensor([0]))
        assert_close(intra_guidance(purified, raw, *errors), tensor(2.0))  # (2² + 0) / 2
        p = torch.softmax(purified[0, 0], dim=0)
        expected = (p * (p * 2).log()).sum()  # KL of p to one half each
        assert_close(intra_guidance(purified, raw, *errors, distance="kl"), expected[None])


class TestInter:
    TEACHER = tensor((1, 0, -1), (0.5, 0.5, 0))
    FIRST, SECOND = tensor((0, 0, 0), (1, 0, 0)), tensor((1, 0, -1), (0, 1, 0))

    def divergence(self, student, temperature=1.0):
        p, q = (torch.log_softmax(x / temperature, dim=1) for x in (self.TEACHER, student))
        return (p.exp() * (p - q)).sum(dim=1).mean().item()

    def test_divergences_of_the_worked_example(self):
        assert self.divergence(self.FIRST) == pytest.approx(0.179821, abs=1e-6)
        assert self.divergence(self.SECOND) == pytest.approx(0.0467122, abs=1e-6)

    def batch(self, errors, **options):
        features = torch.stack((self.TEACHER, self.FIRST, self.SECOND))
        return inter_guidance(features, tensor(*((error, error) for error in errors)), granularity="batch", **options)

    def test_the_batch_has_one_teacher(self):
        """Errors .5, 1, 1.5: α = 1.130890, T = 11.308901."""
        assert self.batch((0.5, 1, 1.5)).item() == pytest.approx(14.485785, rel=1e-6)

    def test_a_temperature_that_is_not_adjusted(self):
        """α of equal errors is 1, but then nobody teaches; so T = 10 is reached by T₀ = 10 / α."""
        value = self.batch((0.5, 1, 1.5), temperature=10 / 1.1308900523560208)
        assert value.item() == pytest.approx(11.326644, rel=1e-6)

    def test_the_temperature_inside_the_softmax(self):
        alpha = 1.1308900523560208
        value = self.batch((0.5, 1, 1.5), temperature=4 / alpha, scale_inside=True)
        inside = self.divergence(self.FIRST, 4), self.divergence(self.SECOND, 4)
        assert 16 * inside[0] == pytest.approx(0.207405, abs=1e-6)
        assert 16 * inside[1] == pytest.approx(0.0433033, abs=1e-6)
        assert value.item() == pytest.approx(8 * sum(inside), abs=1e-9)

    ERRORS = tensor((0.5, 1, 1.5), (0.9, 0.3, 0.3), (1, 1, 1), (2, 0.1, 0.9)).T

    def test_each_sample_has_its_teacher(self):
        assert teachers(self.ERRORS).tolist() == [0, -1, -1, 1]
        features = torch.stack((tensor(1, 0, -1), tensor(0, 0, 0), tensor(1, 0, -1)))[:, None].expand(3, 4, 3)
        for row, expected in enumerate((17.023390, 0, 0, 47.687428)):
            value = inter_guidance(features[:, row : row + 1], self.ERRORS[:, row : row + 1])
            assert value.item() == pytest.approx(expected, rel=1e-6)
        assert inter_guidance(features, self.ERRORS).item() == pytest.approx((17.023390 + 47.687428) / 4, rel=1e-6)

    def test_two_modalities(self):
        value = inter_guidance(torch.stack((tensor((1, 0, -1)), tensor((0, 0, 0)))), tensor((0.6,), (0.9,)))
        assert value.item() == pytest.approx(30.289543, rel=1e-6)

    def test_no_gradient_reaches_the_teacher_or_where_there_is_none(self):
        features = torch.randn(3, 4, 5, dtype=torch.float64, requires_grad=True)
        inter_guidance(features, self.ERRORS).backward()
        reached = features.grad.abs().sum(dim=2) > 0
        assert reached.T.tolist() == [[False, True, True], [False] * 3, [False] * 3, [True, False, True]]

    def test_gradient(self):
        errors, teacher = self.ERRORS[:, [0, 3]], torch.randn(1, 2, 5, dtype=torch.float64)
        students = torch.randn(2, 2, 5, dtype=torch.float64, requires_grad=True)
        errors = errors.clone()
        errors[0] = 0.05  # the first teaches both samples
        check = lambda s: inter_guidance(torch.cat((teacher, s)), errors)  # noqa: E731
        assert torch.autograd.gradcheck(check, (students,))

    def test_equal_errors_of_a_batch_teach_nothing(self):
        assert self.batch((1, 1, 1)) == 0

    def test_one_modality_alone(self):
        with pytest.raises(UsageError, match="two of them or more"):
            inter_guidance(torch.zeros(1, 2, 3), torch.zeros(1, 2))


def test_errors_want_targets_of_their_kind():
    with pytest.raises(UsageError, match="regression takes"):
        absolute_error(torch.zeros(3, 4, 2), torch.zeros(4))
    with pytest.raises(UsageError, match="class numbers"):
        class_error(torch.zeros(3, 4, 2), torch.zeros(4))
    scores = torch.randn(2, 4, 3)
    targets = torch.tensor([0, 2, 1, 1])
    assert_close(
        class_error(scores, targets)[1], torch.nn.functional.cross_entropy(scores[1], targets, reduction="none")
    )
