"""Plans: YAML grids of rows, profiles and seeds over one notebook, and the cells they stand for.

Every name, type and parameter is checked when the cells are made, before anything starts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, field_validator, model_validator

from mmlib.errors import ParameterError, UsageError
from mmlib.files import inside, name_problem
from mmlib.parameters.base import outputs_root, project_root
from mmlib.parameters.messages import closest
from mmlib.workbook.cell import Cell, cell_id, parameters_class
from mmlib.workbook.claim_values import values_files
from mmlib.workbook.fingerprint import read_notebook
from mmlib.workbook.yaml_file import read_yaml

LARGEST_SEED = 2**63 - 1  # what torch takes


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PlanRow(_Strict):
    """One line of a table: what distinguishes it from the others."""

    id: str
    label: str = ""
    block: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)


class Comparison(_Strict):
    """Two rows that the plan's notebook compares beyond the statements of its claims, and what that shows in words."""

    row: str
    against: str
    text: str = Field(min_length=1)


class Profile(_Strict):
    """What all rows share in one setting: the data, the recipe, the seeds; `rows` holds what one row has instead.

    `only` names the rows that make sense in it; all of the plan without. `also` are metrics shown instead of the
    plan's, where modalities have other names.
    """

    title: str = ""
    kind: Literal["embedded", "small", "paper"]
    seeds: list[int] = Field(default_factory=lambda: [0], min_length=1)
    parameters: dict[str, Any] = Field(default_factory=dict)
    only: list[str] = Field(default_factory=list)
    also: list[str] = Field(default_factory=list)
    rows: dict[str, dict[str, Any]] = Field(default_factory=dict)


class Plan(_Strict):
    """A table of a paper as a grid of cells. `summaries` are notebooks that read the records afterwards.

    `heads` are what blocks and rows are called. `metrics` are those its table shows under both protocols, the first of
    them wherever there is room for one only; without any, those of its claims. `also` are shown under `clean` alone.
    `protocols` are the two that its table shows side by side, that of the published code first.
    `comparisons` are pairs of rows that its notebook compares in its own way (clip by clip, setting by setting).
    `curves` are the rows whose training curves are drawn; without any, the first of the plan.
    `figure` names the analysis that a plan for a figure is about: it is drawn from the records and put into words,
    beside (or without) a table.
    """

    name: str
    title: str = ""
    notebook: str
    claims: str | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)
    heads: list[str] = Field(default_factory=lambda: ["Method", "Variant"], min_length=2, max_length=2)
    metrics: list[str] = Field(default_factory=list)
    also: list[str] = Field(default_factory=list)
    protocols: list[Literal["paper", "clean", "last"]] = Field(default=["paper", "clean"], min_length=2, max_length=2)
    figure: Literal["correlation", "zeta", "iemf", "continual", "valuation", "mim", "avqa"] | None = None
    rows: list[PlanRow] = Field(min_length=1)
    comparisons: list[Comparison] = Field(default_factory=list)
    curves: list[str] = Field(default_factory=list, max_length=8)
    profiles: dict[str, Profile] = Field(min_length=1)
    summaries: list[str] = Field(default_factory=list)
    _path: Path = PrivateAttr(default=Path())

    @property
    def path(self) -> Path:
        """The file it was loaded from."""
        return self._path

    @model_validator(mode="after")
    def _names_are_names(self) -> Self:
        """Its own name and its profiles' become names of files and folders below the outputs."""
        for what, name in [("name", self.name), *(("profile", profile) for profile in self.profiles)]:
            if problem := name_problem(name):
                raise ValueError(f"{what} {name!r:.80} cannot be a file's name: {problem}")
        return self

    @field_validator("rows")
    @classmethod
    def _distinct(cls, rows: list[PlanRow]) -> list[PlanRow]:
        seen: set[str] = set()
        for row in rows:
            if row.id in seen:
                raise ValueError(f"the row id {row.id!r} occurs twice; row ids must differ")
            seen.add(row.id)
        return rows

    @model_validator(mode="after")
    def _knows_its_rows(self) -> Self:
        known = [row.id for row in self.rows]
        for name, profile in self.profiles.items():
            for row in (*profile.rows, *profile.only):
                if row not in known:
                    raise ValueError(f"profile {name!r} names an unknown row {row!r}{closest(row, known)}")
        for compared in self.comparisons:
            for row in (compared.row, compared.against):
                if row not in known:
                    raise ValueError(f"comparison {compared.text!r} names an unknown row {row!r}{closest(row, known)}")
        for row in self.curves:
            if row not in known:
                raise ValueError(f"curves name an unknown row {row!r}{closest(row, known)}")
        return self

    def profile(self, name: str) -> Profile:
        """Raises `UsageError` for an unknown profile."""
        if name not in self.profiles:
            raise UsageError(
                f"plan {self.name} has no profile {name!r}{closest(name, self.profiles)}; "
                f"it has {', '.join(self.profiles)}."
            )
        return self.profiles[name]

    def select_rows(self, ids: Sequence[str] | None) -> list[PlanRow]:
        """The rows named, in the plan's order; all without `ids`. Raises `UsageError` for an unknown one."""
        known = {row.id: row for row in self.rows}
        for name in ids or ():
            if name not in known:
                raise UsageError(
                    f"plan {self.name} has no row {name!r}{closest(name, known)}; it has {', '.join(known)}."
                )
        return [row for row in self.rows if not ids or row.id in ids]

    def _rows_of(self, profile: str, ids: Sequence[str] | None) -> list[PlanRow]:
        """`select_rows` among those of the profile. Raises `UsageError` for one that the profile leaves out."""
        only = self.profiles[profile].only
        chosen = self.select_rows(ids)
        if ids and only and (left_out := [row.id for row in chosen if row.id not in only]):
            raise UsageError(
                f"row {left_out[0]!r} is not in profile {profile!r} of plan {self.name}; it has {', '.join(only)}."
            )
        return [row for row in chosen if not only or row.id in only]

    def cells(
        self,
        profile: str,
        seeds: Sequence[int] | None = None,
        overrides: Mapping[str, Any] | None = None,
        rows: Sequence[str] | None = None,
        outputs: Path | None = None,
    ) -> list[Cell]:
        """The cells of a profile, rows outermost; later settings win: plan, profile, row, the profile's own for
        that row, seed, `overrides`.

        Raises `UsageError` for unknown names and `ParameterError` for a wrong parameter of any cell.
        """
        chosen = self.profile(profile)
        overrides = dict(overrides or {})
        if "seed" in overrides:
            raise ParameterError("seed cannot be set for all cells of a plan; choose seeds with --seeds.")
        if "output" in overrides:
            raise ParameterError("output is where each cell writes, and not to be set; choose a folder with --outputs.")
        seeds = chosen.seeds if seeds is None else seeds
        if unfit := [seed for seed in seeds if not 0 <= seed <= LARGEST_SEED]:
            raise ParameterError(f"seed {unfit[0]}: a seed is a whole number between 0 and {LARGEST_SEED}.")
        notebook = inside(project_root() / "notebooks", self.notebook, f"{self._path.name}: the notebook")
        schema = parameters_class(read_notebook(notebook).experiment)
        outputs = Path(outputs or outputs_root())
        cells = []
        for row in self._rows_of(profile, rows):
            for seed in seeds:
                values = self.parameters | chosen.parameters | row.parameters | chosen.rows.get(row.id, {})
                values |= {"seed": seed} | overrides
                try:
                    parameters = schema.resolve(values)
                except ParameterError as error:
                    raise ParameterError(f"{self._path.name}, profile {profile}, row {row.id}: {error}") from None
                name = cell_id(self.notebook, parameters)
                cells.append(Cell(name, self.notebook, parameters, outputs, self.name, profile, row.id, seed))
        return cells

    def summary_cells(self, profile: str, outputs: Path | None = None) -> list[Cell]:
        """The summaries of a profile; each reads the records of all its cells, the plan and the claims."""
        outputs = Path(outputs or outputs_root())
        notebooks = project_root() / "notebooks"
        inputs = self.cells(profile, outputs=outputs) if self.summaries else []
        sources = (self._path,)
        if self.claims:
            claims = inside(notebooks / "claims", self.claims, f"{self._path.name}: the claims file")
            if not claims.is_file():
                raise UsageError(
                    f"{self._path.name}: there is no claims file {claims}. Correct 'claims' or leave it out."
                )
            sources += (claims, *values_files(claims))
        cells = []
        for notebook in self.summaries:
            path = inside(notebooks, notebook, f"{self._path.name}: the summary")
            schema = parameters_class(read_notebook(path).experiment)
            parameters = schema.resolve({"plan": self.name, "profile": profile, "outputs": str(outputs)})
            names = dict.fromkeys((Path(notebook).stem, self.name, profile))  # table1.ipynb of table1 is named once
            cells.append(
                Cell(
                    id="-".join(names),
                    notebook=notebook,
                    parameters=parameters,
                    outputs=outputs,
                    plan=self.name,
                    profile=profile,
                    kind="summary",
                    inputs=tuple(inputs),
                    sources=sources,
                )
            )
        return cells


def load_plan(path: str | Path) -> Plan:
    """Read and check a plan. Raises `UsageError` naming the file, the key or line, and what is wrong."""
    path = Path(path)
    content = read_yaml(path, "plan")
    if not isinstance(content, dict):
        raise UsageError(f"{path} is not a plan: it must be a mapping with name, notebook, rows and profiles.")
    try:
        plan = Plan.model_validate(content)
    except ValidationError as error:
        raise UsageError(f"{path}:\n  " + "\n  ".join(_explain(item) for item in error.errors())) from None
    plan._path = path.resolve()
    return plan


_FIELDS = [*Plan.model_fields, *PlanRow.model_fields, *Profile.model_fields]


def _explain(error: Mapping[str, Any]) -> str:
    """`rows[2].parameters: expected a mapping`, in the words of the file."""
    where = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"]).lstrip(".")
    if error["type"] == "extra_forbidden":
        return f"{where}: unknown key{closest(str(error['loc'][-1]), _FIELDS)}"
    if error["type"] == "missing":
        return f"{where}: is missing"
    if not where:  # a rule over several keys says what it means
        return error["msg"].removeprefix("Value error, ")
    return f"{where}: {error['msg'].removeprefix('Value error, ')} (got {error['input']!r:.60})"


def plan_paths(project: Path | None = None) -> dict[str, Path]:
    """All plans of the project, by file name without ``.yaml``."""
    folder = (project or project_root()) / "notebooks" / "plans"
    return {path.stem: path for path in sorted(folder.glob("*.yaml"))}


def find_plan(name: str, project: Path | None = None) -> Plan:
    """A plan by name ("table1") or path. Raises `UsageError` naming the plans there are."""
    if name.endswith((".yaml", ".yml")):
        return load_plan(name)
    known = plan_paths(project)
    if name not in known:
        folder = (project or project_root()) / "notebooks" / "plans"
        raise UsageError(
            f"there is no plan {name!r}{closest(name, known)}; {folder} has {', '.join(known) or 'none'}. "
            "A path ending in .yaml works too."
        )
    return load_plan(known[name])
