"""What a claims file states beyond numbers: sentences as comparisons of rows, and the methods that they are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from mmlib.metrics.family import metric


class Entry(BaseModel):
    """An entry of a claims file: unknown fields and other types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Statement(Entry):
    """A sentence as a comparison: a weighted sum of rows (`contrast`), or one row against several (`better_than`).

    It says that the difference is better than zero; with a `margin` (in the unit of differences of its metrics), that
    the difference is no larger than that, either way.
    """

    id: str
    table: str
    text: str
    source: Literal["paper", "bold", "ours"]
    where: str = Field(min_length=1)
    metrics: list[str] = Field(min_length=1)
    note: str = ""
    contrast: dict[str, float] | None = None
    best: str | None = None
    better_than: list[str] | None = None
    printed_gain: float | None = None
    margin: float | None = Field(default=None, gt=0)

    @model_validator(mode="after")
    def _is_a_comparison(self) -> Statement:
        if (self.contrast is None) == (self.best is None) or (self.best is None) != (self.better_than is None):
            raise ValueError("give either `contrast`, or `best` together with `better_than`")
        if self.contrast is not None and (len(self.contrast) < 2 or abs(sum(self.contrast.values())) > 1e-9):
            raise ValueError("the weights of `contrast` must name at least two rows and sum to zero")
        if self.better_than is not None and (not self.better_than or self.best in self.better_than):
            raise ValueError("`better_than` must name rows other than `best`")
        if self.margin is not None and (self.best is not None or len(units_of(self.metrics)) > 1):
            raise ValueError("`margin` needs a `contrast`, and metrics of one unit")
        return self

    @property
    def contrasts(self) -> list[dict[str, float]]:
        """Every weighted sum that must be better than zero: one, or one per rival."""
        if self.contrast is not None:
            return [self.contrast]
        return [{self.best: 1.0, rival: -1.0} for rival in self.better_than or []]

    @property
    def rows(self) -> list[str]:
        """The rows compared, each once."""
        return list(dict.fromkeys(row for contrast in self.contrasts for row in contrast))


class Method(Entry):
    """What the report's first sentences are about: a method, and the statements that each say that it helps.

    Their contrasts are averaged, plan by plan and data set by data set, in the first metric of each. `against` says
    what it is compared with; `margin` (in the unit of differences of that metric) is what counts as no difference,
    and `margin_reason` says why.
    """

    id: str
    name: str
    against: str
    statements: list[str] = Field(min_length=1)
    margin: float = Field(gt=0)
    margin_reason: str = Field(min_length=1)

    def check(self, statements: Sequence[Statement]) -> None:
        """Raises `ValueError` where it names what is not there, or what cannot be averaged."""
        known = {statement.id: statement for statement in statements}
        if unknown := sorted(set(self.statements) - set(known)):
            raise ValueError(f"method '{self.id}' names unknown statements {unknown}")
        mine = [known[name] for name in self.statements]
        if unfit := [one.id for one in mine if one.contrast is None or one.margin is not None]:
            raise ValueError(f"method '{self.id}': {unfit} cannot be averaged; name statements with a `contrast` alone")
        if len(units := units_of([one.metrics[0] for one in mine])) > 1:
            raise ValueError(f"method '{self.id}': its statements' first metrics have several units {sorted(units)}")


def units_of(metrics: Sequence[str]) -> set[str]:
    """The units in which differences of these metrics are given."""
    return {metric(name).unit.difference for name in metrics}
