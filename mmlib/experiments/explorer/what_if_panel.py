"""The what-if panel: two signals of a few neurons, ζ and r under sliders; Eq. 3-8 follow as they move."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from mmlib.experiments.explorer.drawing import picture
from mmlib.experiments.explorer.what_if import EXAMPLES, WhatIf, what_if, what_if_figure

GATES = {
    "paper: σ(E*)": "paper",
    "reversed: σ(−E*)": "neg",
    "inverse: σ(1/E*)": "inv",
    "SimAM: σ(1/e_U)": "simam",
    "none": "none",
}
MOST = 6
SIGNALS = ("x₁ (visual)", "x₂ (audio)", "ζ")


class WhatIfPanel:
    """`found` is what the present settings give; `signals` holds the sliders, by signal and neuron."""

    def __init__(self) -> None:
        self._quiet = False
        self.example = widgets.Dropdown(description="example", options=list(EXAMPLES))
        self.neurons = widgets.IntSlider(description="neurons", min=2, max=MOST, value=4)
        self.gate = widgets.Dropdown(description="gate", options=GATES)
        self.r = widgets.FloatSlider(description="r", min=0, max=1, step=0.001, readout_format=".3f")
        self.signals = [[_slider(name) for _ in range(MOST)] for name in SIGNALS]
        self.picture = widgets.Image(format="png", layout=widgets.Layout(max_width="97%", width="900px"))
        self.table = widgets.HTML()
        rows = [widgets.HBox([_head(name), *sliders]) for name, sliders in zip(SIGNALS, self.signals, strict=True)]
        controls = widgets.HBox([self.example, self.neurons, self.gate, self.r], layout={"flex_flow": "row wrap"})
        self.widget = widgets.VBox([controls, *rows, self.picture, self.table])
        self.example.observe(lambda change: self.load(change["new"]), names="value")
        for control in (self.neurons, self.gate, self.r, *(slider for row in self.signals for slider in row)):
            control.observe(lambda change: self.update(), names="value")
        self.load(self.example.value)

    def load(self, name: str) -> None:
        """Set every slider to an example's values."""

        def fill() -> None:
            *signals, self.r.value = EXAMPLES[name]
            self.neurons.value = len(signals[0])
            for row, values in zip(self.signals, signals, strict=True):
                for slider, value in zip(row, values, strict=False):
                    slider.value = value

        self._together(fill)

    def update(self) -> None:
        """Compute and draw the present settings."""
        if self._quiet:
            return
        count = self.neurons.value
        for row in self.signals:
            for index, slider in enumerate(row):
                slider.layout.display = None if index < count else "none"
        signals = [[slider.value for slider in row[:count]] for row in self.signals]
        self.found = what_if(*signals, self.r.value, self.gate.value)
        self.picture.value = picture(what_if_figure(self.found), dpi=110)
        self.table.value = to_table(self.found)

    def _together(self, change: Callable[[], None]) -> None:
        """Many changes, one update."""
        self._quiet = True
        try:
            change()
        finally:
            self._quiet = False
        self.update()


def to_table(found: WhatIf) -> str:
    """The numbers as an HTML table, one column per neuron."""
    style = "padding:2px 12px 2px 0;text-align:{};border:0"
    left, right = style.format("left"), style.format("right")
    head = "".join(f"<th style='{right}'>neuron {index + 1}</th>" for index in range(len(found.x1)))
    lines = [
        f"<tr><td style='{left}'>{name}</td>" + "".join(f"<td style='{right}'>{v:.4f}</td>" for v in values) + "</tr>"
        for name, values in found.rows()
    ]
    return f"<table style='border-collapse:collapse'><tr><th></th>{head}</tr>{''.join(lines)}</table>"


def _slider(name: str) -> widgets.FloatSlider:
    low, high, step = (0.0, 1.0, 0.01) if name == "ζ" else (-3.0, 3.0, 0.1)
    layout = {"width": "160px"}
    return widgets.FloatSlider(min=low, max=high, step=step, value=0.5 if name == "ζ" else 0.0, layout=layout)


def _head(name: str) -> widgets.HTML:
    return widgets.HTML(f"<b>{name}</b>", layout={"width": "90px"})
