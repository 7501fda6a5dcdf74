"""Parameters of the look at data preparation: whose media, which clip."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mmlib.experiments.settings import DataSettings, about


class Parameters(DataSettings):
    """What is shown; the defaults generate a tiny corpus and need nothing."""

    experiment: ClassVar[str] = "media"
    dataset: Literal["cremad", "vggsound", "kinetics_sounds", "urbansound8k_av", "folder"] = about(
        "cremad", "data set whose preparation is shown; generated where data_root has it not"
    )
    clip: Annotated[int, Field(ge=0)] = about(0, "which clip of grid_raw is decoded, if data_root has that")

    def slug(self) -> str:
        return f"media-{self.dataset}"
