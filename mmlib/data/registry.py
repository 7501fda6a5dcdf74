"""The datasets by name: what they are, where they come from, what is missing, and how to prepare them.

Torch-free. A preparation is a folder `<store>/<name>-<hash8>`; the hash covers the settings and the content of every
input file, so the same request finds the folder again, and a changed input never passes for the old one.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from mmlib.data.catalogue import DATASETS, DatasetInfo
from mmlib.data.progress import Progress
from mmlib.errors import BlockedError, DataError, OutputsError, ParameterError, UsageError
from mmlib.files import content_hash, read_json, sha256_file, write_json, write_problem


def find_dataset(name: str) -> DatasetInfo:
    """The dataset called `name`. Raises `ParameterError` naming the known ones."""
    if name not in DATASETS:
        raise ParameterError(f"dataset {name!r} does not exist. Choose one of: {', '.join(DATASETS)}.")
    return DATASETS[name]


def missing(name: str, data_root: str | Path | None) -> str | None:
    """Why the dataset cannot be used with this data root (the first missing thing, what it is); None when it can."""
    info = find_dataset(name)
    if not info.needs_root:
        return None
    if not data_root or not str(data_root):
        return f"{name} needs a data root (--data-root FOLDER, parameter data_root): {_expected(info)}."
    root = Path(data_root)
    if not root.is_dir():
        return f"the data root {root} does not exist. {name} expects there: {_expected(info)}."
    try:
        reason = info.module.missing(root)
    except DataError as error:
        return str(error)
    return f"{reason} {name} expects {_expected(info)}." if reason else None


def _expected(info: DatasetInfo) -> str:
    if info.published:
        folder = f"a prepared folder of {info.title}, itself or in its subfolder {info.name}/ ({info.origin})"
        if info.media is None and info.raw is None:
            return folder
        files = "its files" if info.media is None else "raw media"
        return f"{folder}; it is made from {files} by: mmlib data prepare {info.name} --source RAW --out FOLDER"
    return info.origin


def prepare(
    name: str, *, data_root: str | Path | None, store: str | Path, options: Mapping[str, Any] | None = None
) -> Path:
    """Prepare the dataset, or find it prepared, and return its folder.

    Safe to call from several processes at once: one prepares, the others wait and find the folder. A damaged folder in
    the store is kept under another name and prepared again. Raises `BlockedError` (something missing),
    `ParameterError` (unknown option), `OutputsError`.
    """
    info = find_dataset(name)
    reason = missing(name, data_root)
    if reason:
        raise BlockedError(reason)
    if info.published:
        from mmlib.data.published import published_folder

        return published_folder(name, Path(data_root))
    resolved = resolve_options(info, options or {})
    files = info.module.inputs(Path(data_root)) if info.needs_root else {}
    inputs = {relative: _content(path, Path(store)) for relative, path in files.items()}
    key = content_hash({"dataset": name, "layout": info.module.LAYOUT, "options": resolved, "inputs": inputs})
    folder = Path(store) / f"{name}-{key[:8]}"
    if _problem(folder) is None:
        return folder
    return _prepare_locked(info, _root(info, data_root), folder, resolved, content_hash(inputs))


def _root(info: DatasetInfo, data_root: str | Path | None) -> Path | None:
    return Path(data_root) if info.needs_root else None


def _prepare_locked(
    info: DatasetInfo, root: Path | None, folder: Path, options: dict[str, Any], inputs_hash: str
) -> Path:
    from filelock import FileLock

    from mmlib.data.prepared import temporary_prefix

    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.parent / f".{folder.name}.lock")
        with lock:
            problem = _problem(folder)
            if problem is None:  # another process was faster
                return folder
            if problem:
                aside = _set_aside(folder)
                print(f"{problem} It is prepared again now; the damaged folder is kept as {aside.name}.", flush=True)
            for leftover in folder.parent.glob(f"{temporary_prefix(folder)}*.tmp"):
                shutil.rmtree(leftover, ignore_errors=True)  # of a preparation that was killed: we hold the lock
            prepare = info.module.prepare_folder if info.raw is None else info.module.prepare_raw
            return prepare(folder, root, options, inputs_hash)
    except OSError as error:
        raise OutputsError(
            f"cannot write the prepared data in {folder.parent}: {write_problem(error, folder.parent)}. Free space, "
            "fix its permissions, or choose another folder (parameter data_store)."
        ) from error


def prepare_raw(info: DatasetInfo, source: Path, out: Path, settings: Mapping[str, Any]) -> Path:
    """The prepared folder `out/<name>`, made from the raw files in `source`, or found there.

    Raises `ParameterError`, `DataError` (a file missing or not as it must be), `UsageError` (the folder holds another
    preparation), `OutputsError`.
    """
    options = resolve_options(replace(info, options=info.raw), settings)
    files = info.module.raw_inputs(source, options)
    inputs = content_hash({name: _content(path, out) for name, path in files.items()} | {"options": options})
    folder = out / info.name
    if not _holds(folder, inputs):
        _prepare_locked(info, source, folder, options, inputs)
    return folder


def _holds(folder: Path, inputs: str) -> bool:
    """Whether a folder was made of these inputs; raises `UsageError` where it holds something else."""
    if not folder.exists():
        return False
    if _problem(folder) is not None or read_json(folder / "manifest.json")["source"].get("inputs_sha256") != inputs:
        raise UsageError(
            f"{folder} holds something else, or was made of other files or settings. Delete it, or choose another "
            "--out."
        )
    return True


def _problem(folder: Path) -> str | None:
    """None for a prepared folder that passes the cheap checks, "" where there is none, else what is wrong with it."""
    if not folder.exists():
        return ""
    from mmlib.data.prepared import open_prepared
    from mmlib.data.prepared_check import REMEDY

    try:
        open_prepared(folder)
    except DataError as error:
        return str(error).partition(f" {REMEDY}")[0]  # the remedy is at hand
    return None


def _set_aside(folder: Path) -> Path:
    """Rename a damaged folder, so that whoever wants to know what happened to it can; nothing of it is deleted."""
    names = (folder.with_name(f"{folder.name}.damaged-{number}") for number in itertools.count(1))
    aside = next(path for path in names if not path.exists())
    folder.rename(aside)
    return aside


def resolve_options(info: DatasetInfo, options: Mapping[str, Any]) -> dict[str, Any]:
    """Options with defaults filled in. Raises `ParameterError` for an unknown one."""
    unknown = sorted(set(options) - set(info.options))
    if unknown:
        known = ", ".join(info.options) or "none"
        raise ParameterError(f"{info.name} has no preparation option {unknown[0]!r}. Its options: {known}.")
    return {name: _typed(info, name, options.get(name, default)) for name, default in info.options.items()}


def _typed(info: DatasetInfo, name: str, value: Any) -> Any:
    """The value in the type of its default, so that 10 and 10.0 name the same preparation."""
    kind = type(info.options[name])
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        raise ParameterError(f"{info.name}: option {name!r} is {value!r}, but must be of type {kind.__name__}.")
    return value


def notes(folder: str | Path) -> list[str]:
    """What a dataset's module has to say of a sound prepared folder (counts beside published ones), a sentence each."""
    from mmlib.data.prepared import open_prepared

    prepared = open_prepared(folder)
    say = getattr(DATASETS[prepared.dataset].module, "notes", None) if prepared.dataset in DATASETS else None
    return say(prepared) if say else []


def report(name: str, data_root: str | Path | None) -> list[str]:
    """What a dataset's module has to say of its files under a data root, complete or not, a sentence each.

    Raises `DataError` for malformed files.
    """
    say = getattr(find_dataset(name).module, "report", None)
    return say(Path(data_root)) if say and data_root and Path(data_root).is_dir() else []


def prepared_folders(name: str, store: str | Path) -> list[Path]:
    """The finished prepared folders of a dataset in a store."""
    return sorted(path.parent for path in Path(store).glob(f"{name}-????????/manifest.json"))


def options_for(parameters: Any) -> dict[str, Any]:
    """The preparation options that experiment parameters ask for."""
    info = find_dataset(parameters.dataset)
    return {name: getattr(parameters, info.parameter(name)) for name in info.options}


def prepare_for(parameters: Any) -> Path:
    """`prepare` with what experiment parameters say (`dataset`, `data_root`, `data_store`, the dataset's options)."""
    return prepare(
        parameters.dataset,
        data_root=parameters.data_root or None,
        store=parameters.data_store,
        options=options_for(parameters),
    )


LARGE = 256 << 20  # bytes
_HASHES: dict[tuple[str, int, int], str] = {}


def _content(path: Path, store: Path) -> str:
    """SHA-256 of a file; within one process an untouched file is read once, a large one once for a whole store.

    A folder's is that of the names and contents of its files.
    """
    if path.is_dir():
        return _folder_content(path, store)
    status = path.stat()
    key = (str(path.resolve()), status.st_size, status.st_mtime_ns)
    if key not in _HASHES:
        _HASHES[key] = _large_content(path, key, store) if status.st_size >= LARGE else sha256_file(path)
    return _HASHES[key]


def _large_content(path: Path, key: tuple[str, int, int], store: Path) -> str:
    """SHA-256 of a file that takes long to read, noted in the store under its path, size and time of change."""
    return _noted(path, content_hash(list(key)), key[1], store, lambda: sha256_file(path))


def _folder_content(path: Path, store: Path) -> str:
    """The same of all files in a folder, noted under their names, sizes and times of change."""
    files = sorted(file for file in path.iterdir() if file.is_file())
    states = [(file.name, file.stat()) for file in files]
    size = sum(status.st_size for _, status in states)
    key = content_hash([str(path.resolve()), [[name, s.st_size, s.st_mtime_ns] for name, s in states]])

    def read() -> str:
        progress = Progress(f"{path.name}: contents", len(files), "files")
        contents = {}
        for file in files:
            contents[file.name] = sha256_file(file)
            progress.advance(1)
        return content_hash(contents)

    return _noted(path, key, size, store, read) if size >= LARGE else read()


def _noted(path: Path, key: str, size: int, store: Path, read: Callable[[], str]) -> str:
    """What `read` finds, noted in the store under a key so that it is read once."""
    note = store / ".contents" / f"{key[:16]}.json"
    try:
        return str(read_json(note)["sha256"])
    except (OSError, UsageError, KeyError, TypeError):
        print(f"{path}: reading {size / 1e9:.1f} GB to know them by their content (once)", flush=True)
        found = read()
        write_json(note, {"path": str(path.resolve()), "sha256": found})
        return found
