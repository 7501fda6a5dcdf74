"""Networks: encoders of each modality, and the classifier that joins them."""

from mmlib.models.classifier import MultimodalClassifier, build_classifier
from mmlib.models.encoder import MapEncoder
from mmlib.models.encoders import Input, build_encoder, input_of
from mmlib.models.initialisation import published_initialisation
from mmlib.models.small import SmallEncoder
from mmlib.models.unimodal_heads import UnimodalHeads

__all__ = [
    "Input",
    "MapEncoder",
    "MultimodalClassifier",
    "SmallEncoder",
    "UnimodalHeads",
    "build_classifier",
    "build_encoder",
    "input_of",
    "published_initialisation",
]
