"""Which statements of the papers stand in README's table: the main ones, each on the data of a committed record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One line: a statement of a plan's claims on one metric and profile. `text` replaces the statement's own."""

    plan: str
    profile: str
    data: str
    statement: str
    metric: str
    text: str = ""


_RECORDED = (
    ("av_digits", "AV-digits"),
    ("grid_words_video", "GRID words in noise"),
    ("grid_words_audio", "GRID words, clean"),
)


def findings() -> list[Finding]:
    """In the order of the papers. First claims of SimAM² and IEMF for every recorded data set, the rest for one."""
    generated = "generated data"
    return [
        *(
            Finding("table1", profile, data, statement, "top1", text)
            for statement, text in (
                ("simam2-average-gain", "SimAM² helps summation and FiLM"),
                ("ogm_ge-helps-sum", ""),
                ("decoupling_free-beats-decoupled-sum", "Decoupling-free beats OGM-GE, with SimAM² (summation)"),
            )
            for profile, data in _RECORDED
        ),
        Finding("table2", "grid_digits", "GRID digits", "simam2-helps-avga", "accuracy"),
        Finding("table2", "grid_digits", "GRID digits", "simam2-helps-psp", "accuracy"),
        Finding("table3", "embedded", generated, "simam2-helps-fop", "eer_seen_heard", "SimAM² helps FOP (seen-heard)"),
        *(Finding("iemf", profile, data, "iemf-helps-none", "top1") for profile, data in _RECORDED),
        *(Finding("iemf", profile, data, "iemf-helps-lfm", "top1") for profile, data in _RECORDED[:1]),
        *(
            Finding(
                "iemf", profile, data, "iemf-beats-joint-none", "top1",
                "IEMF beats its unimodal losses alone (concatenation)",
            )
            for profile, data in _RECORDED[:1]
        ),
        *(
            Finding(
                "continual", "grid_words_incremental", "GRID words in 8 steps", f"iemf-helps-{name}", "mean_task_acc",
                f"IEMF makes {title} more accurate",
            )
            for name, title in (("lwf", "LwF"), ("ss_il", "SS-IL"), ("av_cil", "AV-CIL"))
        ),
        Finding(
            "avqa", "grid_questions", "GRID questions", "iemf-helps-baseline", "top1",
            "IEMF helps MUSIC-AVQA’s baseline",
        ),
        Finding("valuation", "grid_words_video", "GRID words in noise", "sample-helps", "top1"),
        Finding("valuation", "mosi", "MOSI", "sample-helps", "top1"),
        Finding(
            "valuation", "grid_words_video", "GRID words in noise", "sample-helps-beyond-length", "top1",
            "… beyond the samples that it adds (ours)",
        ),
    ]  # fmt: skip
