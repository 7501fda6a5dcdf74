"""Audio-visual question answering, part by part: question, seconds, grounding, attention, network.

The losses and the two stages of training are in `mmlib.experiments.question_answering`.
"""

from mmlib.models.avqa.attention import TemporalAttention
from mmlib.models.avqa.grounding import Grounding, MatchHead, ground
from mmlib.models.avqa.network import AVQA, AVQAOutput
from mmlib.models.avqa.question import QuestionEncoder
from mmlib.models.avqa.seconds import PlainSeconds, Seconds

__all__ = ["AVQA", "AVQAOutput", "Grounding", "MatchHead", "PlainSeconds", "QuestionEncoder", "Seconds",
           "TemporalAttention", "ground"]  # fmt: skip
