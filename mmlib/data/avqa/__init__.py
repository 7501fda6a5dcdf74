"""MUSIC-AVQA and data sets of its form: questions on clips of sound and pictures, each with one answer of a fixed list.

Source: Li et al., CVPR 2022, whose questions and features IEMF uses too. `music_avqa` and `music_avqa_updated` are its
two releases; `questions` and `files` read what is published, `conversion` writes the prepared format, `check` compares
counts. `generator` makes clips and questions of the same form, `synthetic` is the set `synthetic_avqa` of them,
`standin` writes them as published files. `mmlib.data.grid_questions` asks about real recordings in the same form.

Prepared, for questions (rows) that share clips (items):

- `audio` (items, 10, D) and `visual` (items, 10, C, H, W) by item; `question` (rows, L) int32, ids of words with 0
  (`<pad>`) on the right;
- index: `label` the answer, `group` the clip, `item`, `modality` and `type` (see `question_types`), `question_id` as
  published, `text` the question with its places filled. Rows are train, validation, test, each in its file's order;
- the source's `vocabulary`: the word of every id.
"""

from mmlib.data.avqa.asked import question_types, vocabulary
from mmlib.data.avqa.questions import QUESTION_TYPES

__all__ = ["QUESTION_TYPES", "question_types", "vocabulary"]
