"""Parameters of the data of face-voice association, for `mmlib.data.voxceleb.load_face_voice`. Torch is not loaded."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from mmlib.experiments.settings import Count, DataSettings, Fraction, Index, NotNegative, about


class FaceVoiceDataSettings(DataSettings):
    """Which faces and voices, and what may be trained on."""

    dataset: Literal["synthetic_faces_voices", "voxceleb1"] = about(
        "synthetic_faces_voices", "data set; synthetic_faces_voices is generated and needs nothing"
    )
    exclude_seen_heard: bool = about(True, "leave the tracks of the seen-heard test out of training")
    hold_out_validation: bool = about(
        True, "where there are no validation pairs: hold a tenth of the training identities out for some"
    )
    face_features: Count = about(4096, "voxceleb1: length of a face feature")
    voice_features: Count = about(512, "voxceleb1: length of a voice feature")
    synthetic_rho: Fraction = about(0.75, "synthetic: how much of an identity face and voice share")
    synthetic_train_identities: Annotated[int, Field(ge=2)] = about(100, "synthetic: identities to train on")
    synthetic_validation_identities: Index = about(12, "synthetic: identities of the validation pairs")
    synthetic_test_identities: Annotated[int, Field(ge=2)] = about(30, "synthetic: unseen-unheard identities")
    synthetic_rows: Count = about(24, "synthetic: voice tracks of a training identity")
    synthetic_test_rows: Annotated[int, Field(ge=2)] = about(80, "synthetic: voice tracks of any other identity")
    synthetic_face_features: Count = about(256, "synthetic: length of a face feature")
    synthetic_voice_features: Count = about(64, "synthetic: length of a voice feature")
    synthetic_video_offset: NotNegative = about(
        0.0, "synthetic: what face and voice of one video share beyond the identity"
    )
