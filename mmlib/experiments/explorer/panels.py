"""The explorer's panels: what changes when a widget does. What they show is computed and drawn elsewhere.

Pictures are PNG in image widgets, so that the panels work in every front end, and in tests without one.
"""

from __future__ import annotations

import html
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import ipywidgets as widgets

from mmlib.errors import MMLibError, UsageError
from mmlib.experiments.classification.figures import SHOWS_PEOPLE
from mmlib.experiments.explorer import drawing
from mmlib.experiments.explorer.inspection import Inspection, inspect
from mmlib.experiments.explorer.runs import Choice, finished_runs, train_small_run
from mmlib.experiments.explorer.what_if_panel import WhatIfPanel
from mmlib.experiments.finished import FinishedRun
from mmlib.experiments.training_figures import modulation_figure

WIDE = widgets.Layout(width="98%")
ALL, ANY = -1, ""  # None would leave a dropdown blank
FILTERS: dict[str, Callable[[Choice], str]] = {
    "plan": lambda choice: choice.plan,
    "row": lambda choice: choice.row,
    "seed": lambda choice: str(choice.parameters.seed),
}
"""What the list of runs can be narrowed by, each within the ones before it."""
LABEL = {"description_width": "110px"}
NOTHING = (
    "<b>No finished run was found</b> under {folder}. The panels below stay empty, except the last one, which needs "
    "none. Press “Train a small run” (seconds, generated data), or run a plan: <code>mmlib run table1 --rows "
    "decoupling_free-simam2-sum --seeds 0</code>, and press “Look again”."
)


def image() -> widgets.Image:
    """A picture as wide as the page allows; nothing until it has one."""
    return widgets.Image(format="png", layout=widgets.Layout(max_width="97%", width="900px", display="none"))


def show(widget: widgets.Image, png: bytes) -> None:
    """Put a picture into an image widget; without one it takes no room."""
    widget.value = png
    widget.layout.display = "block" if png else "none"


class RunPanel:
    """Chooses a run; everything that was computed of it is `inspection`, and `listeners` are told when it changes."""

    def __init__(self, outputs: Path, first: str = "") -> None:
        self.outputs = outputs
        self.inspection: Inspection | None = None
        self.listeners: list[Callable[[Inspection | None], None]] = []
        self._inspect = lru_cache(maxsize=4)(lambda folder: inspect(self._choice(folder)))
        self.filters = {
            name: widgets.Dropdown(description=name, options=[("all", ANY)], style=LABEL, layout={"width": "300px"})
            for name in FILTERS
        }
        self.select = widgets.Dropdown(description="run", layout=WIDE, style=LABEL)
        self.again = widgets.Button(description="Look again", tooltip="List the finished runs again")
        self.small = widgets.Button(description="Train a small run", tooltip="Seconds, on generated data")
        self.message = widgets.HTML()
        filters = widgets.HBox(list(self.filters.values()), layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([filters, self.select, widgets.HBox([self.again, self.small]), self.message])
        self._listing = False
        self.select.observe(lambda change: None if self._listing else self._open(), names="value")
        for control in self.filters.values():
            control.observe(lambda change: None if self._listing else self.narrow(), names="value")
        self.again.on_click(lambda button: self.look())
        self.small.on_click(lambda button: self.train())
        self.look(first)

    def look(self, first: str = "") -> None:
        """List the runs there are, and open the one whose folder begins with `first`, or keep the present one."""
        self.choices = finished_runs(self.outputs)
        wanted = first or (Path(self.select.value).name if self.select.value else "")
        fitting = [choice for choice in self.choices if choice.name.startswith(wanted)]
        if first and not fitting:
            raise UsageError(
                f"no finished run under {self.outputs} begins with {first!r}. Leave `run` empty, or see `mmlib status`."
            )
        if first:
            for control in self.filters.values():  # what is asked for is never filtered away
                self._quietly(control, [("all", ANY)], ANY)
        self.narrow(str(fitting[0].folder) if fitting else None)

    def narrow(self, wanted: str | None = None) -> None:
        """List the runs that the filters let through; each filter offers what the ones before it leave."""
        wanted, fitting = wanted or self.select.value, self.choices
        for name, control in self.filters.items():
            values = sorted({FILTERS[name](choice) for choice in fitting}, key=_by_number)
            chosen = control.value if control.value in values else ANY
            self._quietly(control, [("all", ANY), *((value, value) for value in values)], chosen)
            fitting = [choice for choice in fitting if chosen in (ANY, FILTERS[name](choice))]
        options = [(f"{choice.title}  [{choice.name}]", str(choice.folder)) for choice in fitting]
        known = [folder for _, folder in options]
        before = self.select.value
        self._quietly(self.select, options, wanted if wanted in known else known[0] if known else None)
        self.select.disabled = not options
        if self.select.value != before or self.inspection is None:
            self._open()

    def _quietly(self, control: widgets.Dropdown, options: list[tuple[str, str]], value: str | None) -> None:
        """Give a list other options and a value; nothing is opened for it."""
        self._listing, before = True, self._listing
        control.options = options
        control.value = value
        self._listing = before

    def train(self) -> None:
        """Train the small run and open it."""
        self.message.value = "training on generated data: some seconds …"
        self.small.disabled = True
        try:
            folder = train_small_run(self.outputs)
        except MMLibError as error:
            self.message.value = _plain(error)
            return
        finally:
            self.small.disabled = False
        self.look(folder.name)

    def _choice(self, folder: str) -> Choice:
        return next(choice for choice in self.choices if str(choice.folder) == folder)

    def _open(self) -> None:
        self.inspection, self.message.value = None, ""
        if self.select.value is None:
            self.message.value = NOTHING.format(folder=self.outputs)
        else:
            self.message.value = "computing its test split again …"
            try:
                self.inspection = self._inspect(self.select.value)
                self.message.value = _facts(self.inspection)
            except MMLibError as error:  # the data may have gone since
                self.message.value = _plain(error)
        for listener in self.listeners:
            listener(self.inspection)


class ZetaPanel:
    """ζ of the whole test split, per channel and per sample."""

    def __init__(self, run: RunPanel) -> None:
        self.order = widgets.Dropdown(
            description="samples by", options=["class", "mean ζ", "test order"], style=LABEL, layout={"width": "260px"}
        )
        self.channel = widgets.Dropdown(description="channel", options=[("all", ALL)], style=LABEL)
        self.picture = image()
        self.widget = widgets.VBox([widgets.HBox([self.order, self.channel]), self.picture])
        self.inspection: Inspection | None = None
        for control in (self.order, self.channel):
            control.observe(lambda change: self.draw(), names="value")
        run.listeners.append(self.take)
        self.take(run.inspection)

    def take(self, inspection: Inspection | None) -> None:
        """Show another run."""
        self.inspection = inspection
        channels = inspection.values["zeta"].shape[1] if inspection and inspection.values else 0
        self.channel.options = [("all", ALL), *((str(index), index) for index in range(channels))]
        self.draw()

    def draw(self) -> None:
        channel = None if self.channel.value == ALL else self.channel.value
        drawn = self.inspection and drawing.zeta_figure(self.inspection, self.order.value, channel)
        show(self.picture, drawing.picture(drawn) if drawn else b"")


class SamplePanel:
    """One sample: frames, sound, ζ, energies, gate; by number, and only the wrong ones or one class if wished."""

    def __init__(self, run: RunPanel, people: bool = False) -> None:
        self.inspection: Inspection | None = None
        self.which = widgets.Dropdown(description="show", options=["all", "wrong", "right"], style=LABEL)
        self.label = widgets.Dropdown(description="class", options=[("all", ALL)], style=LABEL)
        self.place = widgets.IntSlider(description="sample", min=0, max=0, style=LABEL, layout={"width": "560px"})
        self.people = widgets.Checkbox(description="show faces and voices (kept in a saved notebook)", value=people)
        self.frames, self.energies = image(), image()
        self.sound = widgets.Audio(format="wav", autoplay=False, loop=False)
        controls = widgets.HBox([self.which, self.label])
        self.widget = widgets.VBox([controls, self.place, self.people, self.frames, self.sound, self.energies])
        for control in (self.which, self.label):
            control.observe(lambda change: self.filter(), names="value")
        for control in (self.place, self.people):
            control.observe(lambda change: self.draw(), names="value")
        run.listeners.append(self.take)
        self.take(run.inspection)

    def take(self, inspection: Inspection | None) -> None:
        """Show another run."""
        self.inspection = inspection
        classes = inspection.classes if inspection else []
        self.label.options = [("all", ALL), *((name, index) for index, name in enumerate(classes))]
        faces = inspection is not None and inspection.dataset.prepared.dataset in SHOWS_PEOPLE
        self.people.layout.display = "flex" if faces else "none"
        self.filter()

    def filter(self) -> None:
        """The samples that fit the choices above."""
        found: list[int] = []
        if self.inspection is not None:
            right = self.inspection.predictions == self.inspection.targets
            keep = {"all": right | True, "wrong": ~right, "right": right}[self.which.value]
            if self.label.value != ALL:
                keep = keep & (self.inspection.targets == self.label.value)
            found = [int(index) for index in keep.nonzero()[0]]
        self.found = found
        self.place.max = max(0, len(found) - 1)
        self.place.disabled = not found
        self.draw()

    def draw(self) -> None:
        if self.inspection is None or not self.found:
            reason = drawing.message_figure("no sample fits these choices") if self.inspection else None
            show(self.frames, drawing.picture(reason) if reason else b"")
            show(self.energies, b"")
            self._play(b"")
            return
        sample = self.found[min(self.place.value, len(self.found) - 1)]
        people = self.people.value
        show(self.frames, drawing.picture(drawing.frames_figure(self.inspection, sample, people)))
        show(self.energies, drawing.picture(drawing.sample_figure(self.inspection, sample)))
        self._play(drawing.sound(self.inspection, sample, people))

    def _play(self, wav: bytes) -> None:
        self.sound.value = wav
        self.sound.layout.display = "block" if wav else "none"


class RatioPanel:
    """Both discrepancy ratios and the coefficients over time."""

    def __init__(self, run: RunPanel) -> None:
        self.picture = image()
        self.widget = widgets.VBox([self.picture])
        run.listeners.append(self.take)
        self.take(run.inspection)

    def take(self, inspection: Inspection | None) -> None:
        """Show another run."""
        if inspection is None:
            show(self.picture, b"")
            return
        run = FinishedRun.at(inspection.choice.folder, inspection.choice.result)
        if not (run.folder / "arrays.npz").is_file():
            figure = drawing.message_figure("this run left no values of its steps")
        else:
            figure = modulation_figure(run)
        show(self.picture, drawing.picture(figure))


@dataclass
class Explorer:
    """All panels; each is shown by a cell of the notebook."""

    runs: RunPanel
    zeta: ZetaPanel
    samples: SamplePanel
    ratios: RatioPanel
    what_if: WhatIfPanel

    @classmethod
    def over(cls, outputs: Path, first: str = "", small_run: bool = False) -> Explorer:
        """The explorer over the runs in `outputs`. Raises `UsageError` where no run begins with `first`."""
        if small_run and not finished_runs(outputs):
            train_small_run(outputs)
        runs = RunPanel(outputs, first)
        return cls(runs, ZetaPanel(runs), SamplePanel(runs), RatioPanel(runs), WhatIfPanel())


def _plain(error: Exception) -> str:
    return f"<span style='color:#a33c00'>{html.escape(str(error))}</span>"


def _facts(inspection: Inspection) -> str:
    result, right = inspection.choice.result, inspection.predictions == inspection.targets
    origin = {"generated": ", generated data", "stand-in": ", a generated stand-in"}.get(result.data_origin or "", "")
    r = "no SimAM²" if inspection.r is None else f"r (Eq. 6) in evaluation {inspection.r:.3f}"
    said = f"{len(right)} test samples{origin}; top-1 {100 * right.mean():.1f} % with these weights; {r}"
    return f"{said}.<br><b>{html.escape(inspection.constant)}</b>" if inspection.constant else said


def _by_number(text: str) -> tuple[int, str]:
    """Seeds in their order, then names."""
    return (int(text), "") if text.isdecimal() else (1 << 62, text)
