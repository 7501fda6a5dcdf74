"""Parameters of face-voice association (Table 3 of SimAM²). The defaults are a run of seconds on a CPU.

The same parameters describe FOP's recipe (`plans/table3.yaml`); only their values differ. Torch is not loaded here.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mmlib.experiments.face_voice.data_settings import FaceVoiceDataSettings
from mmlib.experiments.settings import Count, NotNegative, Positive, RecipeSettings, SimAM2Settings, about


class Parameters(RecipeSettings, SimAM2Settings, FaceVoiceDataSettings):
    """One run of FOP, with or without SimAM² on its gate."""

    experiment: ClassVar[str] = "face_voice"

    # Model and loss; SimAM²'s own parameters are in SimAM2Settings, the data's in FaceVoiceDataSettings
    fusion: Literal["gated", "linear"] = about("gated", "FOP's fusion; its gate is the ζ of SimAM²")
    orthogonality: NotNegative = about(1.0, "weight of the orthogonality constraint (FOP's α)")
    negative_weight: NotNegative = about(0.7, "weight of different identities within that constraint")

    # Training, where FOP's recipe differs from the others
    epochs: Count = about(15, "passes over the training examples (published: 49)")
    batch_size: Annotated[int, Field(ge=2)] = about(128, "examples per step")
    optimizer: Literal["sgd", "adam", "adamw"] = about("adam", "optimiser")
    learning_rate: Positive = about(0.001, "learning rate (published: 1e-5, which learns nothing on small data)")
    weight_decay: NotNegative = about(0.01, "weight decay, of Adam's coupled kind")
    schedule: Literal["step", "cosine", "constant"] = about("constant", "learning rate schedule, stepped per epoch")
    reshuffle: bool = about(False, "a new order every epoch; false: one order for all epochs, as published")
    drop_last: bool = about(True, "leave out the last, partial batch of every epoch, as published")

    # Evaluation
    bootstrap_draws: Annotated[int, Field(ge=0)] = about(1000, "resamplings of identities for intervals; 0: none")

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        if self.simam2 and self.fusion != "gated":
            raise ValueError("simam2 = true takes its ζ from FOP's gate: set fusion = 'gated'")
        return self

    def slug(self) -> str:
        """For example `synthetic_faces_voices-fop-simam2-neg-s0`."""
        parts = [self.dataset, "fop"]
        parts += [self.fusion] if self.fusion != "gated" else []
        parts += ["simam2", self.simam2_gate] if self.simam2 else []
        return "-".join([*parts, f"s{self.seed}"])
