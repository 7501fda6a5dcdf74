"""Parameters of the audit of MM-Debiased's list: where it lies."""

from __future__ import annotations

from typing import ClassVar

from mmlib.experiments.settings import DataSettings, about


class Parameters(DataSettings):
    """Whose list is audited; the default generates a small one and needs nothing."""

    experiment: ClassVar[str] = "mm_debiased"
    lists: str = about("", "folder with further lists (vggsound.csv, kinetics400_val.csv); empty for the data root's")

    def slug(self) -> str:
        return "mm_debiased"
