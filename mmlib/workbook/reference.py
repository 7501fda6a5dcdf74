"""Committed reference results: the finished records of one plan and profile, kept small, as they came out once.

They stand in where nothing was run here (`mmlib.workbook.results.collect`), and today's runs can be held against them
(`mmlib reference`). What all records share is written once (version 2), and what single stages of a run say is left
out: a plan of 170 runs stays below the size that the repository takes. Arrays and histories that figures need lie
beside, in one `.npz` of all runs, whose SHA-256 the reference holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from mmlib.errors import UsageError
from mmlib.files import atomic_path, dump_json, read_json, sha256_file, write_text
from mmlib.record import Record
from mmlib.seal import DIGEST, digest_of, is_broken

if TYPE_CHECKING:
    import numpy as np

    from mmlib.workbook.results import Results


class Reference(BaseModel):
    """A committed reference result: the records of one plan and profile, and how they came to be.

    Version 2 has `common`: fields, and parameters, that all records share; version 1 has whole records.
    """

    model_config = ConfigDict(extra="forbid")

    format: Literal["mmlib-reference"] = "mmlib-reference"
    version: Literal[1, 2] = 2
    plan: str
    profile: str
    made: str
    arrays: str = ""
    """SHA-256 of the arrays kept beside; empty where there are none."""
    records: list[Record]

    @model_validator(mode="before")
    @classmethod
    def _whole_records(cls, content: Any) -> Any:
        if not isinstance(content, dict) or "common" not in content:
            return content
        common = content["common"]
        rest = {name: value for name, value in content.items() if name != "common"}
        return rest | {"records": [_merged(common, record) for record in content["records"]]}


def reference_path(folder: str | Path, plan: str, profile: str) -> Path:
    """Where the reference result of a plan and profile lies."""
    return Path(folder) / f"{plan}-{profile}.json"


def arrays_path(folder: str | Path, plan: str, profile: str) -> Path:
    """Where the arrays kept beside a reference result lie."""
    return reference_path(folder, plan, profile).with_suffix(".npz")


def arrays_problem(folder: str | Path, reference: Reference) -> str:
    """Why the arrays kept beside cannot be used, in words; empty where they can, or there are none."""
    path = arrays_path(folder, reference.plan, reference.profile)
    if reference.arrays and not path.is_file():
        return f"{path} is missing: figures that need the runs' arrays are not drawn"
    if reference.arrays and sha256_file(path) != reference.arrays:
        return f"{path} was changed after it was written: figures that need the runs' arrays are not drawn"
    return ""


def load_reference(folder: str | Path, plan: str, profile: str) -> Reference | None:
    """The reference result, None when there is none; a damaged one is a `UsageError`."""
    path = reference_path(folder, plan, profile)
    if not path.exists():
        return None
    content = read_json(path)
    if is_broken(content):
        raise UsageError(f"{path} was changed after it was written (its digest is another's); restore it.")
    if isinstance(content, dict):
        content.pop(DIGEST, None)
    try:
        return Reference.model_validate(content)
    except (ValidationError, AttributeError, KeyError, TypeError) as error:
        if not isinstance(error, ValidationError):
            raise UsageError(f"{path} is not a reference result; restore it.") from error
        first = error.errors()[0]
        raise UsageError(f"{path} is not a reference result ({first['loc']}: {first['msg']}); restore it.") from error


def write_reference(
    folder: str | Path, results: Results, made: str, arrays: Mapping[str, np.ndarray] | None = None
) -> Path:
    """Keep the finished records of `results` as the reference; `made` says how (one line). Returns the file.

    `arrays`: {"<cell>/<name>": array}, as `mmlib.analysis.kept` reads them again.
    """
    records = []
    for row in results.rows.values():
        for record in row.records.values():
            hashes = record.hashes.model_copy(update={"library_files": {}})  # long, and only of use to staleness
            plain = {name: _without_folder(value) for name, value in record.parameters.items()}
            update = {"plan": results.plan, "profile": results.profile, "row": row.id, "host": "", "hashes": hashes}
            update |= {"parameters": plain, "files": {}}  # they stay where they are
            records.append(record.model_copy(update=update))
    if not records:
        raise UsageError(f"no finished cell of {results.plan}/{results.profile}: nothing to keep as reference")
    kept = _write_arrays(arrays_path(folder, results.plan, results.profile), arrays)
    reference = Reference(plan=results.plan, profile=results.profile, made=made, arrays=kept, records=records)
    path = reference_path(folder, results.plan, results.profile)
    content = reference.model_dump(mode="json")
    whole = [record | {"stages": []} for record in content.pop("records")]
    common = _shared(whole) | {"parameters": _shared([record["parameters"] for record in whole])}
    content["common"] = common
    # One record a line: a third smaller than indented, and a changed record is one line of a diff.
    rest = [_rest(common, record) for record in whole]
    content[DIGEST] = digest_of(content | {"records": rest})
    lines = ",\n".join(dump_json(record, indent=None) for record in rest)
    write_text(path, dump_json(content, indent=None)[:-1] + ', "records": [\n' + lines + "\n]}\n")
    return path


def _write_arrays(path: Path, arrays: Mapping[str, np.ndarray] | None) -> str:
    """Write them, byte for byte the same each time, and return the file's SHA-256; empty where there are none."""
    if not arrays:
        path.unlink(missing_ok=True)
        return ""
    import numpy

    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        numpy.savez_compressed(stream, **dict(sorted(arrays.items())))
    return sha256_file(path)


def _shared(records: list[dict[str, Any]]) -> dict[str, Any]:
    """The fields that all have with equal values."""
    first = records[0]
    return {
        name: value
        for name, value in first.items()
        if all(name in record and record[name] == value for record in records[1:])
    }


def _rest(common: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    """What `_merged` adds to `common`."""
    own = {name: value for name, value in record["parameters"].items() if name not in common["parameters"]}
    return {name: value for name, value in record.items() if name not in common} | {"parameters": own}


def _merged(common: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    return common | record | {"parameters": common.get("parameters", {}) | record.get("parameters", {})}


def _without_folder(value: object) -> object:
    """A parameter as it is, but no folder of the machine it ran on."""
    return "" if isinstance(value, str) and Path(value).is_absolute() else value
