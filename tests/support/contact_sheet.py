"""Every kind of figure on a few pages, to be looked at: of plans, of single runs, of analyses whose runs are made up.

    python tests/support/contact_sheet.py OUTPUTS TARGET [plans|fakes|runs ...]

OUTPUTS holds finished runs (nothing is written there), TARGET gets a PNG of each figure as it is printed, and pages
`sheet-01.png`, ... of all of them at one scale.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

DPI = 110
PAGE = (1600, 2200)
BESIDE = Path(__file__).resolve().parent

Drawn = Iterator[tuple[str, Any]]


def plans(outputs: Path) -> Drawn:
    """The figures of every plan and profile that has records here, or committed ones."""
    from mmlib.parameters.base import project_root
    from mmlib.report.assemble import assemble
    from mmlib.report.drawing import SHEETS, draw
    from mmlib.workbook.plan import load_plan, plan_paths

    for path in plan_paths().values():
        plan = load_plan(path)
        for profile in plan.profiles:
            assembly = assemble(plan, profile, outputs, project_root())
            for sheet in SHEETS if assembly.results.records else ():
                for name, figure in draw(assembly, "clean", sheet).items():
                    yield f"{assembly.name}-{name}", figure


def fakes(outputs: Path) -> Drawn:
    """The figures of analyses, from made-up results: also those of which no run is at hand."""
    import tempfile

    sys.path.insert(0, str(BESIDE))
    from mmlib.figures.analyses import ANALYSES

    folder = Path(tempfile.mkdtemp(prefix="contact-"))
    iemf, avqa, mim = import_module("iemf_fakes"), import_module("avqa_fakes"), import_module("mim_fakes")
    results = iemf.iemf_results(folder / "iemf")
    iemf.leave_landscapes(results)
    everything = ANALYSES["iemf"].analyse(results, iemf.iemf_claims())
    everything.votes = iemf.VOTES
    found = {
        "iemf": everything,
        "avqa": ANALYSES["avqa"].analyse(avqa.avqa_results(), avqa.avqa_claims()),
        "mim": ANALYSES["mim"].analyse(mim.mim_results(rows=["product-purification", "concat-all"])),
        "continual": ANALYSES["continual"].analyse(
            import_module("continual_fakes").continual_results(folder / "continual")
        ),
    }
    for name, findings in found.items():
        for title, figure in ANALYSES[name].draw(findings).items():
            yield f"fake-{name}-{title}", figure


def runs(outputs: Path) -> Drawn:
    """The figures of single runs: of each experiment's notebook the run with most of its parts."""
    from mmlib.experiments.finished import FinishedRun
    from mmlib.record import read_record, read_result

    os.environ["MMLIB_OUTPUTS"] = str(outputs)
    best: dict[str, tuple[int, Path]] = {}
    for folder in sorted((outputs / "runs").glob("[!.]*")):
        record, _ = read_record(folder)
        if record is None or not record.done:
            continue
        given = record.parameters
        parts = [given.get("modulation") == "decoupling_free", given.get("iemf"), given.get("simam2")]
        parts += [given.get("network") in ("psp", "avst"), given.get("method") == "ss_il", given.get("valuation")]
        count = sum(map(bool, parts)) + 2 * (given.get("purification") is True and given.get("inter", 0) > 0)
        name = record.notebook.removesuffix(".ipynb")
        best[name] = max(best.get(name, (-1, folder)), (count, folder))
    for name, (_, folder) in best.items():
        result, _ = read_result(folder)
        run = FinishedRun.at(folder, result)
        parameters = import_module(f"mmlib.experiments.{name}").Parameters.of_record(result.parameters)
        figures = import_module(f"mmlib.experiments.{name}.figures")
        for title, figure in globals()[f"of_{name}"](figures, run, parameters):
            yield f"run-{name}-{title}", figure


def of_classification(figures: Any, run: Any, parameters: Any) -> Drawn:
    from mmlib.data.loading import load_data

    test = load_data(parameters.located())["test"]
    yield "samples", figures.samples_figure(test)
    for name in ("training", "modulation", "zeta"):
        yield name, getattr(figures, f"{name}_figure")(run)
    yield "confusion", figures.confusion_figure(run, test.classes)
    from mmlib.experiments.explorer import drawing
    from mmlib.experiments.explorer.inspection import inspect
    from mmlib.experiments.explorer.runs import Choice
    from mmlib.experiments.explorer.what_if import EXAMPLES, what_if, what_if_figure

    inspection = inspect(Choice(run.folder, parameters, run))
    yield "explorer-zeta", drawing.zeta_figure(inspection, "mean ζ", 3)
    yield "explorer-sample", drawing.sample_figure(inspection, 1)
    yield "explorer-frames", drawing.frames_figure(inspection, 1)
    *signals, r = EXAMPLES["two unlike signals"]
    yield "explorer-what-if", what_if_figure(what_if(*signals, r, "paper"))


def of_event_localization(figures: Any, run: Any, parameters: Any) -> Drawn:
    from mmlib.data.ave import load_segments

    test = load_segments(parameters.located())["test"]
    yield "samples", figures.samples_figure(test)
    yield "training", figures.training_figure(run)
    for name in ("timeline", "affinity", "class", "confusion"):
        yield name, getattr(figures, f"{name}_figure")(run, test.classes)
    yield "attention", figures.attention_figure(run, test)


def of_face_voice(figures: Any, run: Any, parameters: Any) -> Drawn:
    for name in ("curves", "scores", "training", "gate", "matching", "projection"):
        yield name, getattr(figures, f"{name}_figure")(run)


def of_continual(figures: Any, run: Any, parameters: Any) -> Drawn:
    from mmlib.experiments.continual.clips import load_clips

    splits = load_clips(parameters.located()).splits
    yield "samples", figures.samples_figure(splits["test"])
    for name in ("training", "matrix", "forgetting", "confusion", "iemf"):
        yield name, getattr(figures, f"{name}_figure")(run)
    yield "exemplars", figures.exemplars_figure(run, splits["train"], parameters.data_root)


def of_sentiment(figures: Any, run: Any, parameters: Any) -> Drawn:
    from mmlib.experiments.sentiment.experiment import load_splits

    yield "samples", figures.samples_figure(load_splits(parameters)["test"])
    for name in ("losses", "measures", "gate", "guidance"):
        yield name, getattr(figures, f"{name}_figure")(run)


def of_question_answering(figures: Any, run: Any, parameters: Any) -> Drawn:
    from mmlib.experiments.question_answering.questions import load_questions

    test = load_questions(parameters)["test"]
    for name in ("types", "measures", "iemf"):
        yield name, getattr(figures, f"{name}_figure")(run)
    for place in (0, len(test) // 2):
        answered = figures.answer_question(run, test, place)
        yield f"clip-{place}", figures.clip_figure(test, place, parameters.data_root)
        yield f"answer-{place}", figures.answer_figure(answered)
        yield f"picture-{place}", figures.picture_figure(answered)


def sheets(files: list[Path], target: Path) -> list[Path]:
    """All pictures on as few pages as they fill, in columns, each under its name."""
    pages, gap = [], 26
    page, x, y, wide = Image.new("RGB", PAGE, "#E4E4E4"), 10, 10, 0
    for file in files:
        picture = Image.open(file).convert("RGB")
        if y + picture.height + gap > PAGE[1]:
            x, y, wide = x + wide + 14, 10, 0
        if x + picture.width > PAGE[0]:
            pages.append(page)
            page, x, y, wide = Image.new("RGB", PAGE, "#E4E4E4"), 10, 10, 0
        ImageDraw.Draw(page).text((x, y), file.stem, fill="black")
        page.paste(picture, (x, y + 14))
        y, wide = y + picture.height + gap, max(wide, picture.width)
    pages.append(page)
    written = []
    for number, each in enumerate(pages, 1):
        written.append(target / f"sheet-{number:02d}.png")
        each.save(written[-1])
    return written


def main(outputs: str, target: str, *kinds: str) -> None:
    from mmlib.figures.style import png

    folder = Path(target)
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for kind in kinds or ("plans", "fakes", "runs"):
        for name, figure in globals()[kind](Path(outputs).resolve()):
            figure.set_dpi(DPI)
            files.append(folder / f"{name}.png")
            files[-1].write_bytes(png(figure))
    print(f"{len(files)} figures, pages: {', '.join(str(page) for page in sheets(files, folder))}")


if __name__ == "__main__":
    main(*sys.argv[1:])
