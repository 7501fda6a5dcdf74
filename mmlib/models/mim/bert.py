"""BERT as MIM's text encoder: fine-tuned, then one convolution to the size of the other modalities.

Published code does: bert-base-uncased on 50 word pieces, the last hidden states without [CLS], Conv1d 768 -> 80
    (kernel 3, no bias). Padding and [SEP] stay. A second convolution and BERT's pooler are built and never used.
We do: the same without what is never used, through the optional package `transformers`, with weights from a folder:
    nothing is fetched. With a mask, padding is left out.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from mmlib.errors import BlockedError
from mmlib.models.mim.pooling import steps_of


class BertEncoder(nn.Module):
    """(B, L - 1, channels) from ids of word pieces (B, L), [CLS] first, 0 for padding.

    Args:
        folder: with `config.json` and weights as `transformers` saves them.
        channels: size of a step.

    Raises `BlockedError` where the package or the weights are not there.
    """

    def __init__(self, folder: Path, channels: int = 80) -> None:
        super().__init__()
        try:
            from transformers import BertModel
        except ImportError as error:
            raise BlockedError(
                'bert needs the package transformers: pip install "mmlib[bert]". Without it leave bert empty: text '
                "then goes through learned word vectors, and the numbers do not compare with published ones."
            ) from error
        if not (folder / "config.json").is_file():
            raise BlockedError(f"there is no config.json in {folder}: put BERT's weights there, as it saves them.")
        try:
            self.bert = BertModel.from_pretrained(str(folder), local_files_only=True, add_pooling_layer=False)
        except (OSError, ValueError) as error:
            raise BlockedError(f"{folder} holds no weights that BERT can load ({error!s:.300}).") from error
        self.channels = channels
        self.convolution = nn.Conv1d(self.bert.config.hidden_size, channels, 3, padding=1, bias=False)

    def mask_of(self, inputs: Tensor) -> Tensor:
        """(B, L - 1) bool, False at padding."""
        return steps_of(inputs)[:, 1:]

    def forward(self, inputs: Tensor, mask: Tensor | None = None) -> Tensor:
        found = self.bert(input_ids=inputs, attention_mask=(inputs != 0).long())
        hidden = found.last_hidden_state[:, 1:]  # (B, L - 1, H)
        if mask is not None:
            hidden = hidden * mask[..., None]
        steps = self.convolution(hidden.transpose(1, 2)).transpose(1, 2)
        return steps if mask is None else steps * mask[..., None]
