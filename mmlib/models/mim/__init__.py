"""MIM (Multimodal Information Modulation), part by part: gate, purification, encoders, fusion, network.

The losses that guide it are in `mmlib.losses.knowledge_guidance`; how they reach the weights in
`mmlib.experiments.sentiment`.
"""

from mmlib.models.mim.encoder import StepEncoder, WordEncoder
from mmlib.models.mim.fusion import VectorFusion
from mmlib.models.mim.gate import HardConcreteGate
from mmlib.models.mim.network import MIM, MIMOutput
from mmlib.models.mim.purification import Purified, SequenceUPN, VectorUPN

__all__ = ["MIM", "HardConcreteGate", "MIMOutput", "Purified", "SequenceUPN", "StepEncoder", "VectorFusion",
           "VectorUPN", "WordEncoder"]  # fmt: skip
