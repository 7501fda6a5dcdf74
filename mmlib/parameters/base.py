"""Typed parameters of an experiment: one flat set of plain values, checked before anything is computed.

A notebook's parameters cell, a plan's YAML and the runner all meet here. Types are strict, because papermill checks
neither types nor names: a whole number is accepted where a number is expected, nothing else is converted. Importing
this module does not load torch.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from mmlib.errors import ParameterError
from mmlib.files import content_hash, dump_json
from mmlib.parameters.messages import closest, explain


def project_root() -> Path:
    """The folder that holds `notebooks/`: `$MMLIB_PROJECT`, or the folder this package lies in."""
    configured = os.environ.get("MMLIB_PROJECT")
    return Path(configured).resolve() if configured else Path(__file__).resolve().parents[2]


def outputs_root() -> Path:
    """Where everything produced goes: `$MMLIB_OUTPUTS`, or `outputs/` in the project."""
    configured = os.environ.get("MMLIB_OUTPUTS")
    return Path(configured).resolve() if configured else project_root() / "outputs"


def resolve_path(text: str) -> Path:
    """A path parameter as an absolute path, the same wherever a kernel was started.

    Relative paths start at the project; those that begin with `outputs/` start at the outputs folder, wherever it lies.
    Raises `ParameterError` for the home folder of a user that there is not.
    """
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise ParameterError(f"the path {text:.80}: there is no such user. Write the folder's full path.") from None
    if path.is_absolute():
        return path
    if path.parts[:1] == ("outputs",):
        return outputs_root().joinpath(*path.parts[1:])
    return project_root() / path


class ExperimentParameters(BaseModel):
    """Base of all experiments' parameters.

    A subclass declares its fields flat, each with a default and a description. `runtime_fields` names those that say
    where and on what an experiment runs, not what it computes: they are no part of its identity.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, validate_default=True)
    experiment: ClassVar[str] = "experiment"
    runtime_fields: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def resolve(cls, values: Mapping[str, Any]) -> Self:
        """Check `values` and fill in the defaults.

        Raises `ParameterError`, which names the parameter, what was given, and what is allowed.
        """
        try:
            return cls.model_validate(dict(values))
        except ValidationError as error:
            raise ParameterError(explain(error, cls.model_fields, cls.experiment)) from None

    @classmethod
    def from_notebook(cls, namespace: Mapping[str, Any]) -> Self:
        """The parameters among a notebook's variables: `Parameters.from_notebook(globals())`.

        Every annotated variable of the notebook must be a parameter, so that a misspelt one is an error and not a
        silent default. Raises `ParameterError`.
        """
        fields = cls.model_fields
        for name in namespace.get("__annotations__", {}):
            if name not in fields and not name.startswith("_"):
                raise ParameterError(
                    f"the notebook's variable '{name}' is no parameter of {cls.experiment}{closest(name, fields)}. "
                    "Rename it, or write it without a type annotation if it is not meant to be a parameter."
                )
        return cls.resolve({name: namespace[name] for name in fields if name in namespace})

    def identity(self) -> dict[str, Any]:
        """What is computed, as plain JSON values: every parameter except the runtime fields and those that say nothing.

        A parameter that was added later declares the value at which everything is as it was before, its neutral one
        (`json_schema_extra={"neutral": ...}`), and is left out there: cells that do not use it keep their ids.
        """
        neutral = _neutral_values(type(self))
        return {
            name: value
            for name, value in self.model_dump(mode="json").items()
            if name not in self.runtime_fields and (name not in neutral or value != neutral[name])
        }

    @classmethod
    def neutral_values(cls) -> dict[str, Any]:
        """The parameters that were added later, with the values that records made before have."""
        return dict(_neutral_values(cls))

    @classmethod
    def of_record(cls, values: Mapping[str, Any]) -> Self:
        """The parameters a record or result was made with, also one that lacks those added since.

        Raises `ParameterError`, as `resolve` does.
        """
        return cls.resolve({**cls.neutral_values(), **values})

    def slug(self) -> str:
        """A short readable name, not unique: `synthetic-concat-simam2-ogm_ge-s0`."""
        return self.experiment

    def output_folder(self) -> Path:
        """Where this run writes: `output`, or a folder under `outputs/interactive/` for a notebook opened by hand."""
        configured = getattr(self, "output", "")
        if configured:
            return resolve_path(configured)
        return outputs_root() / "interactive" / f"{self.slug()}-{content_hash(self.identity())[:8]}"

    def data_key(self) -> str:
        """Equal keys, equal data: `missing_data` and `prepare_data` are asked once for all cells that share one."""
        return dump_json(self.model_dump(mode="json"), indent=None)

    def modules_by_name(self) -> tuple[str, ...]:
        """The modules that are loaded because a parameter names them, sorted; others like them do not count."""
        return ()

    def missing_data(self) -> str | None:
        """What must be fetched before this can run, in words; None when nothing is missing."""
        return None

    def prepare_data(self) -> str | None:
        """Prepare the data (or find them prepared) and return the hash of their manifest."""
        return None


@functools.cache
def _neutral_values(parameters: type[ExperimentParameters]) -> dict[str, Any]:
    """Read once of each class: thousands of cells ask."""
    extras = {name: info.json_schema_extra for name, info in parameters.model_fields.items()}
    return {name: extra["neutral"] for name, extra in extras.items() if isinstance(extra, dict) and "neutral" in extra}
