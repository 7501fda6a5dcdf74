"""A published set of AV-CIL: how its clips are counted, and what `mmlib.data.registry` asks of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmlib.data.av_cil import files


@dataclass(frozen=True)
class PublishedSet:
    """`folder` holds its files; its classes, in the order of their ids, arrive in `steps` equal blocks.

    `counts`: clips of train, validation and test by class name. `memory`: exemplars kept in the paper. `leaky`:
    validation and test clips whose video is also in train.
    """

    dataset: str
    folder: str
    steps: int
    memory: int
    counts: Mapping[str, tuple[int, int, int]]
    leaky: tuple[int, int] = (0, 0)
    layout: int = 1  # raise when the same options would write other content

    @property
    def classes(self) -> list[str]:
        return list(self.counts)

    def place(self, root: Path) -> Path:
        """The folder of its files under a data root."""
        return files.find_folder(root, (self.dataset, f"av_cil/{self.folder}", self.folder))

    def missing(self, root: Path) -> str | None:
        """The first file that is not there, what it is, and how many others lack; None when all are there."""
        return files.missing(self.place(root))

    def inputs(self, root: Path) -> dict[str, Path]:
        """Every file the conversion reads, by what it is."""
        return files.inputs(self.place(root))

    def prepare_folder(self, folder: Path, root: Path, options: dict[str, Any], inputs_hash: str) -> Path:
        """Convert the published files; a folder of generated ones is marked as a stand-in. Raises `DataError`."""
        from mmlib.data.av_cil.conversion import convert

        source = {"layout": self.layout, "inputs_sha256": inputs_hash, **options}
        return convert(folder, self.place(root), self, options["storage"], source)

    def report(self, root: Path) -> list[str]:
        """What the files under a data root hold, one sentence each. Raises `DataError` (malformed)."""
        from mmlib.data.av_cil import check

        return check.report(self, self.place(root))

    def notes(self, prepared: Any) -> list[str]:
        """Counts of a prepared folder beside the published ones, one sentence each. Raises `DataError`."""
        from mmlib.data.av_cil import check

        return check.notes(self, prepared)
