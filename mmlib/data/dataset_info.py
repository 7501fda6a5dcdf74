"""What is known of a dataset before it is opened: its name, its origin, what its preparation depends on. Torch-free."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class DatasetInfo:
    """One dataset. Its module holds `prepare_folder` and, where it `needs_root`, `missing` and `inputs`; or, where it
    is `published`, `missing` and `notes`.

    `options`: what a preparation depends on, with defaults; the experiment parameter that sets one is called like it,
    with `prefix` before. A `published` dataset is read from a prepared folder; a run never prepares it.
    `media`: what can be set when it is prepared from raw media, with defaults (`preset` among them); None where that
    cannot be done. Its module then holds `media_source(folder, options) -> MediaSource`.
    `raw`: the same for one that is prepared from other files; its module then holds `raw_inputs(source, options)`, the
    files it reads by name, and `prepare_raw(folder, source, options, inputs_hash)`.
    `home` is the module below `mmlib.data`, where it is not called like the dataset.
    """

    name: str
    title: str
    origin: str
    licence: str
    options: Mapping[str, Any] = field(default_factory=dict)
    prefix: str = ""
    needs_root: bool = True
    published: bool = False
    media: Mapping[str, Any] | None = None
    raw: Mapping[str, Any] | None = None
    home: str = ""

    @property
    def module(self) -> Any:
        return importlib.import_module(f"mmlib.data.{self.home or self.name}")

    def parameter(self, option: str) -> str:
        """The experiment parameter that sets an option."""
        return {"seed": "data_seed", "storage": "feature_storage"}.get(option, self.prefix + option)
