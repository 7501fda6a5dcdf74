"""How every method looks, in all figures alike: one colour, marker, dash and hatch each; and every modality.

Colours are those of Okabe and Ito (2008), which colour-blind readers tell apart, and dark ones of Tol's for what they
do not suffice for. A colour may come back in another family of methods, where both never meet, and always with another
marker. What has an order, such as ψ or tasks, is drawn in ordered colours (`mmlib.figures.style.ordered`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from mmlib.figures.style import DASHES, MARKERS, PALETTE, ordered

GREY, SILVER = "#6E6E6E", "#A8A8A8"
WINE, TEAL, OLIVE, INDIGO, PURPLE = "#882255", "#2A8C82", "#8A8A2A", "#332288", "#8A3FA0"
DOTTED, DASHED, DASHDOT, LONG, SHORT = (0, (1, 1.2)), (0, (4, 1.5)), (0, (5, 1.2, 1, 1.2)), (0, (7, 2)), (0, (2, 1))


@dataclass(frozen=True)
class Look:
    """What tells one method from the others, also in grey."""

    color: str
    marker: str
    dash: Any = "-"
    hatch: str = ""
    hollow: bool = False
    """Its marks are open: a second row of the same method."""

    def line(self, **more: Any) -> dict[str, Any]:
        """For `plot`."""
        face = {"mfc": "white"} if self.hollow else {}
        return {"color": self.color, "ls": self.dash, "marker": self.marker, **face, **more}

    def bar(self, **more: Any) -> dict[str, Any]:
        """For `bar`: an area of this colour would be heavy, so it is tinted, with edge and hatch of the colour."""
        return {"facecolor": self.tint, "hatch": self.hatch, "edgecolor": self.color, "linewidth": 0.7, **more}

    @property
    def tint(self) -> str:
        """The colour, half of it white."""
        from matplotlib.colors import to_hex, to_rgb

        return to_hex([0.45 * part + 0.55 for part in to_rgb(self.color)])


METHODS: dict[str, Look] = {
    # What nothing is added to, and what is added to a fusion or to its training.
    "plain": Look(PALETTE["black"], "o"),
    "simam": Look(GREY, "<", DOTTED),
    "simam2": Look(PALETTE["blue"], "s", DASHED, "///"),
    "simam2_learned": Look(INDIGO, "D", SHORT, "\\\\\\"),
    "ogm": Look(OLIVE, "v", SHORT, "xx"),
    "ogm_ge": Look(PALETTE["orange"], "^", DOTTED, "..."),
    "ogm_ge_simam2": Look(PALETTE["red"], "D", DASHDOT, "xxx"),
    "ogm_ge_simam2_learned": Look(PALETTE["sky"], "P", SHORT, "+++"),
    "decoupling_free": Look(PALETTE["green"], "v", LONG, "\\\\\\"),
    "mslr": Look(SILVER, "<", LONG, "--"),
    "lfm": Look(PURPLE, ">", DASHDOT, "||"),
    "one_modality": Look(GREY, "X", DASHED, "ooo"),
    # IEMF, and its parts.
    "losses": Look(PALETTE["sky"], "X", DASHED, "///"),
    "iemf": Look(WINE, "p", DOTTED, "..."),
    "iemf_other": Look(PALETTE["pink"], "h", DASHDOT, "xxx"),  # the rule on what it is not published for
    "scaling": Look(TEAL, "8", LONG, "---"),
    "noise": Look(PALETTE["red"], "*", SHORT, "oo"),
    "scaling_noise": Look(OLIVE, "d", DASHDOT, "++"),
    "losses_scaling": Look(INDIGO, "H", LONG, "\\\\"),
    "losses_noise": Look(PALETTE["pink"], ">", SHORT, "**"),
    "original": Look(PALETTE["green"], "^", LONG, "\\\\\\"),
    "relu": Look(PALETTE["green"], "<", LONG, "\\\\\\"),
    # Face and voice: FOP's gate, and readings of Eq. 8 on it.
    "fop_neg": Look(PALETTE["orange"], "v", DOTTED, "..."),
    "fop_inverse": Look(PALETTE["green"], "d", DASHDOT, "xxx"),
    "fop_linear": Look(PALETTE["sky"], "H", LONG, "\\\\\\"),
    # Re-sampling by contributions.
    "longer": Look(GREY, "s", DASHED, "///"),
    "modality_level": Look(TEAL, "P", LONG, "xxx"),
    "sample_level": Look(PALETTE["red"], "d", DASHDOT, "ooo"),
    # Information modulation.
    "purification": Look(PALETTE["orange"], "s", DOTTED, "..."),
    "intra": Look(PALETTE["green"], "D", DASHDOT, "xxx"),
    "inter": Look(PALETTE["blue"], "P", LONG, "+++"),
    "mim": Look(PALETTE["red"], "v", "-", "\\\\\\"),
    "mim_batch": Look(PALETTE["pink"], "<", SHORT, "ooo"),
    "mim_inside": Look(OLIVE, ">", SHORT, "||"),
    "mim_one": Look(GREY, "h", SHORT, "--"),
    # What remembers when classes arrive in steps.
    "fine_tuning": Look(SILVER, "v", DOTTED, "..."),
    "lwf": Look(PALETTE["orange"], "o", DASHED, "///"),
    "ss_il": Look(PALETTE["sky"], "s", DASHDOT, "xxx"),
    "av_cil": Look(PALETTE["blue"], "^", LONG, "\\\\\\"),
    "icarl_nme": Look(PALETTE["green"], "s", SHORT, "ooo"),
    "icarl_fc": Look(TEAL, "o", SHORT, "oo"),
    "afc_nme": Look(PALETTE["red"], "P", DASHDOT, "+++"),
    "afc_lsc": Look(PALETTE["pink"], "X", DOTTED, "++"),
    "replay": Look(INDIGO, "p", LONG, "||"),
    "joint": Look(PALETTE["black"], "*", "-", ""),
    # What is there beside a question.
    "question": Look(GREY, "o", DOTTED, ""),
    "with_sound": Look(PALETTE["blue"], "d", DASHED, "///"),
    "with_picture": Look(PALETTE["green"], "*", DASHDOT, "..."),
    "mean_of_seconds": Look(PALETTE["orange"], "D", SHORT, "++"),
}

MODALITIES: dict[str, Look] = {
    "audio": Look(PALETTE["blue"], "o"),
    "visual": Look(PALETTE["orange"], "s", DASHED, "///"),
    "text": Look(PALETTE["black"], "^", DOTTED, "..."),
    "flow": Look(PALETTE["green"], "D", DASHDOT, "xxx"),
    "vector": Look(PALETTE["pink"], "v", LONG, "\\\\\\"),
    "fusion": Look(GREY, "P", SHORT, "+++"),
}
VARIANTS: dict[str, str] = {
    "": "plain",
    "-joint": "losses",
    "-losses": "losses",
    "-iemf": "iemf",
    "-iemf-grad": "iemf_other",
    "-iemf-rate": "iemf_other",
    "-original": "original",
    "-relu": "relu",
}
"""What is added to a row's id -> the name in `METHODS` of what is added to its method."""
OTHERS = (MODALITIES["flow"], MODALITIES["vector"], MODALITIES["text"], MODALITIES["visual"], MODALITIES["audio"])


def modality_look(name: str, place: int = 0) -> Look:
    """A modality's look: `voice` is a sound and `face` a picture; one without a name of its own has that of its place.

    `place` is its place among the modalities drawn.
    """
    known = {"voice": "audio", "sound": "audio", "face": "visual", "picture": "visual", "rgb": "visual"}
    return MODALITIES.get(known.get(name, name), OTHERS[place % len(OTHERS)])


CONTINUAL = ("fine_tuning", "lwf", "ss_il", "av_cil", "icarl_nme", "icarl_fc", "afc_nme", "afc_lsc", "replay", "joint")


def method_of(parameters: Mapping[str, Any]) -> str:
    """The name in `METHODS` of what a run with these parameters adds last; `plain` where it adds nothing.

    A run of several things, such as OGM-GE with IEMF, looks like the last of them: the table's block names the rest.
    """
    given = parameters.get
    if given("modalities", "all") not in ("all", "both") or given("finetune_modality"):
        return _sense(parameters)
    if given("method") in CONTINUAL:
        return _continual(parameters)
    if given("iemf"):
        return _iemf(parameters)
    if "purification" in parameters:
        return _mim(parameters)
    if given("unimodal_heads", "none") == "attached":
        return "losses"
    if "pooling" in parameters and "network" in parameters:
        if given("pooling") == "mean":
            return "mean_of_seconds"
        return "original" if given("tanh") and given("optimizer") == "adam" else "plain"
    if given("resampling", "none") != "none":
        return f"{given('resampling')}_level"
    return _fusion(parameters)


def _sense(parameters: Mapping[str, Any]) -> str:
    if "pooling" not in parameters:
        return "one_modality"
    return {"none": "question", "audio": "with_sound", "visual": "with_picture"}.get(parameters["modalities"], "plain")


def _continual(parameters: Mapping[str, Any]) -> str:
    if parameters.get("iemf"):
        if not parameters.get("iemf_scaling", True):
            return "losses"
        return "iemf" if parameters.get("iemf_apply_to") == "learning_rate" else "iemf_other"
    return "relu" if parameters.get("activation") == "relu" else parameters["method"]


def _iemf(parameters: Mapping[str, Any]) -> str:
    heads = parameters.get("unimodal_heads") == "attached"
    scaling, noise = parameters.get("iemf_scaling", True), parameters.get("iemf_noise", True)
    if heads and parameters.get("iemf_apply_to", "grad") != "grad":
        return "iemf_other"
    whole = {(True, True): "iemf", (True, False): "losses_scaling", (False, True): "losses_noise"}
    parts = {(True, True): "scaling_noise", (True, False): "scaling", (False, True): "noise"}
    return (whole if heads else parts).get((scaling, noise), "losses" if heads else "plain")


def _mim(parameters: Mapping[str, Any]) -> str:
    intra, inter = parameters.get("intra", 0) > 0, parameters.get("inter", 0) > 0
    if not parameters["purification"]:
        return "losses" if parameters.get("unimodal_weight", 0) > 0 else "plain"
    if not (intra and inter):
        return "intra" if intra else "inter" if inter else "purification"
    if parameters.get("granularity") == "batch":
        return "mim_batch"
    if parameters.get("scale_inside"):
        return "mim_inside"
    return "mim_one" if parameters.get("update") == "one" else "mim"


def _fusion(parameters: Mapping[str, Any]) -> str:
    """SimAM² and the modulation of the encoders."""
    given = parameters.get
    if given("lfm", "none") != "none":
        return "lfm"
    modulation, simam2 = given("modulation", "none"), given("simam2")
    learned = given("zeta") == "learned" or given("zeta") == "channel"
    if modulation == "none" and simam2:
        gates = {"neg": "fop_neg", "simam": "fop_inverse"} if "zeta" not in parameters else {}
        return gates.get(str(given("simam2_gate")), "simam2_learned" if learned else "simam2")
    if modulation == "none":
        return "fop_linear" if given("fusion") == "linear" else "simam" if given("simam") else "plain"
    if modulation == "ogm_ge" and simam2:
        return "ogm_ge_simam2_learned" if learned else "ogm_ge_simam2"
    return modulation if modulation in METHODS else "plain"


def looks_of(rows: Sequence[Mapping[str, Any]]) -> list[Look]:
    """Looks of runs with these parameters that are drawn together, all different.

    Rows of one method alone, as those of a sweep, get ordered colours. Otherwise a second row of a method has open
    marks and another dash, and a third another mark.
    """
    found = [look_of(parameters) for parameters in rows]
    if len(found) > 2 and len(set(found)) == 1:
        return [
            Look(shade, MARKERS[place % len(MARKERS)], DASHES[place % len(DASHES)])
            for place, shade in enumerate(ordered(len(found)))
        ]
    taken: set[tuple[str, str, bool]] = set()
    different = []
    for look in found:
        free = [look, replace(look, hollow=True, dash=DOTTED if look.dash != DOTTED else "-")]
        free += [replace(look, marker=mark, dash=dash) for mark, dash in zip(MARKERS, DASHES, strict=True)]
        look = next(one for one in free if (one.color, one.marker, one.hollow) not in taken)
        taken.add((look.color, look.marker, look.hollow))
        different.append(look)
    return different


def look_of(parameters: Mapping[str, Any]) -> Look:
    """How a run with these parameters looks in every figure."""
    return METHODS[method_of(parameters)]
