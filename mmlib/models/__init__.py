"""Networks: encoders of each modality, and the classifier that joins them."""

from mmlib.models.classifier import AudioVisualClassifier, build_classifier
from mmlib.models.encoder import MapEncoder
from mmlib.models.initialisation import published_initialisation
from mmlib.models.small import SmallEncoder

__all__ = ["AudioVisualClassifier", "MapEncoder", "SmallEncoder", "build_classifier", "published_initialisation"]
