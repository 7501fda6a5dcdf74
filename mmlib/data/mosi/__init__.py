"""CMU-MOSI and CMU-MOSEI: what is said, how it sounds and how it looks, and the sentiment of it.

Source: Zadeh et al. 2016 and 2018. `pickle_file` reads what MAG (Rahman et al., ACL 2020) and MIM publish, `published`
makes the prepared format of it for `mosi` and `mosei`, with `wordpiece` where BERT is to read it. `windows` makes
sequences, the set `mosi_windows`, of the small real data (`mmlib.data.mosi_utterances`). `synthetic` generates
`synthetic_sentiment`.

Prepared: `text`, `audio`, `visual`, each (N, T, ...) and padded at the end; the index column `score` holds the
sentiment in [-3, 3] where there is one. `<modality>_noise` (N, T) marks steps that were replaced by what does not
belong there.
"""
