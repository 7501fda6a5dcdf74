"""Figures: what is drawn, not its pixels."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import re
import zlib

import matplotlib
import pytest
from claims_fakes import CLAIMS, MIXED, fake_results, mixed_results
from figure_rules import keeps_the_rules
from fontTools import subset
from fontTools.ttLib import TTFont
from matplotlib.backends.backend_agg import FigureCanvasAgg

from mmlib import figures
from mmlib.figures import curves
from mmlib.figures.looks import METHODS
from mmlib.figures.style import (
    DASHES,
    HATCHES,
    LAYOUT_TABLES,
    MARKERS,
    SERIES,
    _defaults,
    new_figure,
    save_figure,
    style,
)
from mmlib.workbook.claims import load_claims
from mmlib.workbook.verdicts import judge_statements


@pytest.fixture(scope="module")
def claims():
    return load_claims(CLAIMS)


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


def points(axis):
    return [tuple(line.get_xdata()) for line in axis.get_lines() if line.get_marker() not in ("None", "|")]


def test_style_comes_and_goes():
    before = dict(matplotlib.rcParams)
    with figures.style():
        assert matplotlib.rcParams["font.size"] == 8
    assert dict(matplotlib.rcParams) == before


def test_settings_of_a_user_change_no_byte(tmp_path, claims):
    theirs = {"axes.facecolor": "yellow", "text.usetex": True, "font.size": 30, "savefig.transparent": True}
    theirs |= {"axes.prop_cycle": matplotlib.cycler(color=["red"]), "image.cmap": "gray", "axes.xmargin": 0.5}
    clean = figures.save_figure(figures.table_figure(fake_results(), claims), tmp_path / "clean" / "a")
    with matplotlib.rc_context(theirs):
        among = figures.save_figure(figures.table_figure(fake_results(), claims), tmp_path / "among" / "a")
        assert matplotlib.rcParams["font.size"] == 30
    assert [path.read_bytes() for path in clean] == [path.read_bytes() for path in among]


def test_nothing_is_set_back_where_nothing_was_set():
    assert _defaults(matplotlib) == {}


def test_series_differ_without_colour():
    assert len(set(SERIES)) == len(set(MARKERS)) == len(DASHES) == len(set(HATCHES)) == 7
    shades = [figures.greyscale(color) for color in SERIES]
    assert all(abs(a - b) > 0.08 for a, b in zip(shades, shades[1:], strict=False))
    assert figures.greyscale("#ffffff") == pytest.approx(1)


def test_save_figure_writes_every_format_the_same_each_time(tmp_path, claims):
    for folder in ("new", "again"):
        written = figures.save_figure(figures.table_figure(fake_results(), claims), tmp_path / folder / "a.b")
        assert [path.name for path in written] == ["a.b.png", "a.b.pdf", "a.b.svg"]
        assert written[0].read_bytes().startswith(b"\x89PNG")
        assert written[1].read_bytes().startswith(b"%PDF")
        assert b"<svg" in written[2].read_bytes()[:600]
        assert len(list((tmp_path / folder).iterdir())) == 3  # no temporary files
    for name in ("a.b.png", "a.b.pdf", "a.b.svg"):
        assert (tmp_path / "new" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_table_figure_shows_every_seed_and_mean(claims):
    results = fake_results()
    figure = figures.table_figure(results, claims)
    top1 = figure.axes[0]
    drawn = points(top1)
    for row in results.rows.values():
        values = tuple(row.values("clean/top1").values())
        assert values in drawn
        assert any(x == pytest.approx((sum(values) / 3,)) for x in drawn if len(x) == 1)
    assert "generated audio-visual data" in texts(figure)
    assert "3 seeds (0, 1, 2)" in texts(figure)


def test_rows_run_with_more_seeds_are_not_claimed_for_all(claims):
    results = fake_results()
    first, second = list(results.rows)[:2]
    results.rows[first] = fake_results(seeds=range(5)).rows[first]
    assert results.seeds_text == "3 to 5 seeds a row (of 0, 1, 2, 3, 4)"
    assert results.seeds_text in texts(figures.table_figure(results, claims))
    results.rows = {first: fake_results(seeds=(0,)).rows[first], second: fake_results(seeds=(4,)).rows[second]}
    assert results.seeds_text == "1 seed a row (of 0, 4)"


def test_a_heading_says_what_all_its_rows_add_and_no_row_loses_what_tells_it_apart():
    results = fake_results()
    one, two = list(results.rows.values())[:2]
    for labels, shown, heading in (
        (("audio, alone", "visual, alone"), ["audio", "visual"], "One modality: alone"),
        (("audio, from scratch", "audio, tuned"), ["audio, from scratch", "audio, tuned"], "One modality"),
    ):
        named = zip((one, two), labels, strict=True)
        results.rows = {row.id: dataclasses.replace(row, block="One modality", label=label) for row, label in named}
        axis = figures.table_figure(results).axes[0]
        assert [label.get_text() for label in axis.get_yticklabels()] == [heading, *shown]
        assert [label.get_fontweight() for label in axis.get_yticklabels()] == ["bold", "normal", "normal"]


def test_names_stay_inside_the_figure(claims):
    """No label is cut, and none overlaps the panel beside it."""
    results = fake_results()
    for figure in (
        figures.table_figure(results, claims),
        figures.statement_figure(judge_statements(claims, results), results),
    ):
        assert keeps_the_rules(figure)
    table = figures.table_figure(results, claims)
    FigureCanvasAgg(table).draw()
    left, right = (axis.get_window_extent() for axis in table.axes[:2])
    names = [label.get_window_extent() for label in table.axes[0].get_yticklabels()]
    assert max(box.x1 for box in names) < left.x0, "headings are clear of the panels"
    assert right.x0 - left.x1 < 0.05 * table.bbox.width


def test_printed_values_only_where_the_data_are_the_papers(claims):
    def printed(figure):
        return [line.get_xdata()[0] for line in figure.axes[0].get_lines() if line.get_marker() == "|"]

    assert printed(figures.table_figure(fake_results(), claims)) == []
    paper = figures.table_figure(fake_results(kind="paper", profile="cremad"), claims)
    assert sorted(printed(paper))[:2] == [50.6, 51.3]
    assert len(printed(paper)) == 15


def test_figures_without_records_say_so(claims):
    results = fake_results(seeds=())
    assert "not run" in texts(figures.table_figure(results, claims))
    assert "not run" in texts(figures.statement_figure(judge_statements(claims, results), results))
    assert "no training history" in texts(figures.curves_figure(results))


def test_rows_that_did_not_run_say_so(claims):
    results = fake_results()
    results.rows["simam2-sum"].records.clear()
    assert texts(figures.table_figure(results, claims, ["top1"])).count("not run") == 1
    assert "not run" not in texts(figures.table_figure(fake_results(), claims))


def test_an_axis_ends_where_no_value_can_be(claims):
    results = fake_results(seeds=(0, 1))
    for seed, record in results.rows["simam2-sum"].records.items():
        record.metrics["clean/top1"] = 0.2 + 0.7 * seed  # an interval from far below 0 to far above 1
    (axis,) = figures.table_figure(results, claims, ["top1"]).axes
    assert axis.get_xlim() == pytest.approx((-2, 102))


def test_a_long_name_of_the_data_leaves_the_axes_their_width(claims):
    results = fake_results()
    results.profile_title = "GRID digits, one speaker, sound in white noise at 6 dB: when is a digit spoken, and which"
    family = judge_statements(claims, results)
    for figure in (figures.table_figure(results, claims), figures.statement_figure(family, results)):
        figure.draw_without_rendering()
        assert all(text.get_window_extent().x1 <= figure.bbox.x1 for text in figure.texts)
        assert "and which" in figures.caption_of(figure)


def test_statement_figure_shows_intervals_and_verdicts(claims):
    results = fake_results()
    family = judge_statements(claims, results)
    figure = figures.statement_figure(family, results)
    lines = [tuple(line.get_xdata()) for line in figure.axes[0].get_lines()]
    for verdict in family.verdicts:
        assert (verdict.difference.low, verdict.difference.high) in lines
    for word in ("holds", "within seed noise", "SimAM² helps summation [Top-1]", "3 seeds"):
        assert word in texts(figure)
    hollow = [v for v in family.verdicts if v.verdict in ("holds", "contradicted") and v.p_holm >= 0.05]
    assert 0 < len(hollow) < len(family.verdicts)
    assert texts(figure).count(",\nunadjusted") == len(hollow)
    faces = [line.get_markerfacecolor() for line in figure.axes[0].get_lines() if line.get_marker() in ("o", "X")]
    assert faces.count("white") == len(hollow)


def test_curves_average_over_seeds(tmp_path):
    results = fake_results(seeds=(0, 1))
    for row in ("baseline-sum", "ogm_ge-sum"):
        for seed, record in results.rows[row].records.items():
            folder = tmp_path / record.cell_id
            folder.mkdir()
            lines = [
                {"epoch": e, "train/loss": 1.0 + seed - 0.1 * e, "validation/top1": 0.5, "k_audio": 0.5}
                for e in range(3)
            ]
            text = "".join(json.dumps(line) + "\n" for line in lines) + '{"epoch": 3, "train/lo'  # cut short
            (folder / "history.jsonl").write_text(text)
            results.folders[record.cell_id] = folder
    figure = figures.curves_figure(results)
    assert keeps_the_rules(figure)
    loss, top1, coefficient = figure.axes[:3]
    assert [line.get_ydata() for line in loss.get_lines()] == [pytest.approx([1.5, 1.4, 1.3])] * 2
    assert list(loss.get_lines()[0].get_xdata()) == [1, 2, 3]
    assert list(top1.get_lines()[0].get_ydata()) == [50, 50, 50]  # percent, as the title says
    assert top1.get_title().endswith("(%)")
    assert coefficient.get_title() == "coefficient k, audio"
    assert "of 2 rows" not in texts(figure), "both that have a history are shown"
    one = figures.curves_figure(results, rows=["baseline-sum"])
    assert "1 of 2 rows" in figures.caption_of(one)
    results.curves = ["ogm_ge-sum"]
    assert "1 of 2 rows, those that the plan names" in figures.caption_of(figures.curves_figure(results))
    (line,) = figures.curves_figure(results).axes[0].get_lines()
    assert line.get_color() == METHODS["ogm_ge"].color


def test_curves_of_a_headline_that_names_its_split():
    names = ("train/loss", "validation/eer", "seen_heard/eer", "unseen_unheard/eer", "seen_heard/auc", "zeta_sd")
    histories = {"fop": [{name: [(0, 0.5)] for name in names}]}
    shown = curves.default_quantities(histories, "eer_seen_heard")
    assert shown == ["train/loss", "seen_heard/eer", "unseen_unheard/eer", "zeta_sd"]
    assert curves._title("seen_heard/eer") == "EER, seen-heard (%)"


def test_coefficients_that_never_leave_1_get_no_panel():
    histories = {
        "plain": [{"k_audio": [(0, 1.0)], "k_visual": [(0, 1.0)]}],
        "ogm_ge": [{"k_audio": [(0, 1.0), (1, 0.5)]}],
    }
    assert curves.default_quantities(histories) == ["k_audio"]


def test_history_of_nothing(tmp_path):
    assert figures.read_history(tmp_path) == {}


def test_damaged_lines_of_a_history_are_left_out(tmp_path):
    good = json.dumps({"epoch": 0, "train/loss": 1.5}).encode()
    (tmp_path / "history.jsonl").write_bytes(b"\x9b\xff\n3\n" + good + b'\n{"epoch": 1, "tra')
    assert figures.read_history(tmp_path) == {"train/loss": [(0, 1.5)]}


def test_axes_say_which_way_is_better(claims):
    results = fake_results()
    for axis in figures.table_figure(results, claims).axes:
        assert axis.get_xlabel() == "better →"
    (axis,) = figures.statement_figure(judge_statements(claims, results), results).axes
    assert axis.get_xlabel() == "difference in points\n← worse, against the statement     better, as stated →"


def test_statements_of_several_units_get_a_panel_each(tmp_path):
    (tmp_path / "mixed.yaml").write_text(MIXED)
    results = mixed_results()
    metrics = ["accuracy_2", "mae", "pearson"]
    family = judge_statements(load_claims(tmp_path / "mixed.yaml"), results)
    figure = figures.statement_figure(family, results)
    assert [axis.get_xlabel().split("\n")[0] for axis in figure.axes] == [
        "difference in points", "difference in MAE, Pearson’s r",
    ]  # fmt: skip
    assert [len(axis.get_yticklabels()) for axis in figure.axes] == [1, 2]
    table = figures.table_figure(results, metrics=metrics)
    assert [axis.get_xlabel() for axis in table.axes] == ["better →", "← better", "better →"]
    assert points(table.axes[1])[1] == (pytest.approx(0.718, abs=0.001),)  # never multiplied by 100


def test_pdfs_hold_fonts_without_what_lays_out_texts(tmp_path):
    """It is laid out already; fonts still hold their glyphs, and nothing of this is left for others."""
    with style():
        figure, axes = new_figure(4, 3)
        axes.flat[0].set_title("SimAM² AVA fi")
    save_figure(figure, tmp_path / "a")
    streams = re.findall(rb"stream\r?\n(.*?)\r?\nendstream", (tmp_path / "a.pdf").read_bytes(), re.S)
    fonts = []
    for stream in streams:
        with contextlib.suppress(zlib.error):
            content = zlib.decompress(stream)
            if content.startswith(b"\x00\x01\x00\x00"):
                fonts.append(TTFont(io.BytesIO(content)))
    assert fonts, "text stays text: TrueType fonts are embedded"
    assert {"S", "fi", "A"} <= {glyph for font in fonts for glyph in font["glyf"].glyphOrder}
    for font in fonts:
        assert not set(LAYOUT_TABLES) & set(font.keys())
    assert subset.load_font.__module__ == "fontTools.subset", "others load fonts as ever"
